uniform sampler3D noise_map;
uniform sampler2DShadow sun_map;

// Share of the sun that arrives at a world point: 1 in the light, 0 in the shadow of someone.
float sunlight(vec3 place, float soft) {
    vec3 at = (world_to_sun * vec4(place, 1.0)).xyz;
    at.z = clamp(at.z, 0.0, 1.0);   // beyond the map's edge there is nobody, and light
    float s = soft;
    return 0.25 * (texture(sun_map, at + vec3(s, 0.4 * s, 0.0)) + texture(sun_map, at + vec3(-0.4 * s, s, 0.0))
                 + texture(sun_map, at + vec3(-s, -0.4 * s, 0.0)) + texture(sun_map, at + vec3(0.4 * s, -s, 0.0)));
}

// Four independent smooth noises around 0, -0.5 to 0.5.
vec4 noise(vec3 p) { return texture(noise_map, p) - 0.5; }

// The normal of a surface raised by `height` metres (Mikkelsen's bump mapping, from the picture's own derivatives).
vec3 bump(vec3 place, vec3 normal, float height) {
    vec3 right = dFdx(place), down = dFdy(place);
    vec3 r1 = cross(down, normal), r2 = cross(normal, right);
    float area = dot(right, r1);
    vec3 slope = sign(area) * (dFdx(height) * r1 + dFdy(height) * r2);
    return normalize(max(abs(area), 1e-9) * normal - clamp(slope, -2.0 * abs(area), 2.0 * abs(area)));
}

// Linear colour of a surface in the light.
vec3 lit(vec3 albedo, vec3 normal, vec3 place, vec3 wrap, float gloss, float shine, float open) {
    vec3 view = normalize(eye.xyz - place);
    float facing = dot(normal, sun_direction.xyz);
    vec3 direct = max((facing + wrap) / (1.0 + wrap), 0.0);
    float shade = sun_direction.w > 0.0 ? sunlight(place + normal * 0.035, 0.003) : 1.0;
    shade = mix(1.0, shade, min(1.15 * sun_direction.w, 0.85));
    float near_floor = 0.62 + 0.38 * clamp(place.y * 1.6 + 0.15 * normal.y, 0.0, 1.0);
    vec3 ambient = mix(ground.rgb * near_floor, sky.rgb, 0.5 + 0.5 * normal.y) * mix(0.75, 1.0, near_floor) * open;
    vec3 half_way = normalize(sun_direction.xyz + view);
    float edge = pow(1.0 - clamp(dot(normal, view), 0.0, 1.0), 4.0);
    float spark = pow(max(dot(normal, half_way), 0.0), gloss) * shine * (gloss + 8.0) / 25.0;
    vec3 mirrored = (sun.rgb * shade * spark * step(0.0, facing) + sky.rgb * edge * (0.06 + 0.5 * shine) * open);
    return albedo * (ambient + sun.rgb * direct * shade * (0.55 + 0.45 * open)) + mirrored;
}

// Linear light -> what a camera writes down: a soft shoulder, then gamma.
vec3 developed(vec3 colour) {
    colour = max(colour, 0.0);
    vec3 over = max(colour - 0.7, 0.0);
    colour = min(colour, 0.7) + 0.3 * (1.0 - exp(-over / 0.3));
    return pow(colour, vec3(1.0 / 2.2));
}
