#version 330
#include "scene.glsl"
#include "light.glsl"
#include "pose.glsl"
#include "look.glsl"
#if PRINTED
uniform sampler2D prints;   // 8 x 8 pictures: red for the second colour, green for the third
#endif
in vec3 place;
in vec3 normal;
in vec3 rest;
in vec4 limbs;              // w: number of the fabric, plus 0.5, plus the distance from the hem (0.4 for 0.2 m or more)
in float open;
uniform int number;         // of the fabric that is drawn
out vec4 pixel;

float band(float at, float share) {   // stripes with edges as wide as a pixel
    float wide = fwidth(at);
    float saw = abs(fract(at) - 0.5) * 2.0;
    return smoothstep(-wide, wide, saw - 1.0 + share) * (1.0 - smoothstep(0.35, 0.9, wide)) + share * smoothstep(0.35, 0.9, wide);
}

void main() {
    if (int(floor(limbs.w)) != number) discard;
    float hem = (limbs.w - float(number) - 0.5) * 0.5;
    if (hem < 0.0) discard;
    vec4 a = fabric[4 * number], b = fabric[4 * number + 1], c = fabric[4 * number + 2], d = fabric[4 * number + 3];
    bool arm = limbs.y > -0.6, leg = limbs.z > -0.5 && limbs.x < 0.15;
    // Along the body part and around it, metres. From the place at rest alone, so that nothing is stretched at a seam.
    float side = abs(rest.x), tall = (between.y - sock.w) / 1.55;
    float along = arm ? 0.66 * side - 0.72 * rest.y + 0.4 * rest.z : rest.y;
    float around = arm ? 0.8 * rest.z + 0.5 * (0.77 * side + 0.64 * rest.y) : 0.9 * rest.x + (leg ? rest.z : 0.3 * rest.z);
    vec3 cloth = vec3(around + (arm ? 3.0 : leg ? sign(rest.x) : 0.0), along, 0.5 * rest.z) + skin.w + float(number) * 0.37;
    vec4 broad = noise(cloth * vec3(0.75, 0.5, 0.75));
    vec4 fine = noise(cloth * vec3(2.1, 1.1, 2.1) + broad.xyz * 0.2);
    vec3 colour = a.rgb;
    float s = 1.0 / b.w;
#if PATTERN == STRIPES_ACROSS
    colour = mix(a.rgb, b.rgb, band(along * s, 0.5));
#elif PATTERN == STRIPES_ALONG
    colour = mix(a.rgb, b.rgb, band(around * s, 0.35));
#elif PATTERN == CHECK
    float u = band(around * s, 0.5), v = band(along * s, 0.5);
    colour = mix(a.rgb, b.rgb, 0.5 * (u + v));
    colour = mix(colour, c.rgb, 0.7 * max(band(around * s + 0.25, 0.09), band(along * s + 0.25, 0.09)));
#elif PATTERN == CAMOUFLAGE
    vec4 cloud = noise(rest * 0.09 * s + skin.w);
    colour = mix(a.rgb, b.rgb, smoothstep(-0.01, 0.02, cloud.x));
    colour = mix(colour, c.rgb, smoothstep(0.06, 0.09, cloud.y));
    colour = mix(colour, a.rgb * 0.3, smoothstep(0.10, 0.13, cloud.z));
#elif PATTERN == DOTS
    vec2 cell = vec2(around, along) * s;
    cell.x += 0.5 * mod(floor(cell.y), 2.0);
    float soft = clamp(fwidth(along) * s * 1.5, 0.02, 0.5);
    float inside = 1.0 - smoothstep(0.28 - soft, 0.28 + soft, length(fract(cell) - 0.5));
    colour = mix(a.rgb, mod(floor(cell.x) + floor(cell.y), 3.0) < 1.0 ? c.rgb : b.rgb, inside);
#elif PATTERN == YOKE
    colour = mix(a.rgb, b.rgb, arm ? 0.0 : smoothstep(-0.02, 0.02, limbs.x - 0.72));
#elif PATTERN == SIDE_STRIPE   // down the outside of the leg, or two down the front
    float axis = tall * (0.118 - 0.137 * rest.y);
    float outside = step(axis, side) * step(abs(rest.z - 0.012), 0.02);
    colour = mix(a.rgb, b.rgb, leg ? outside : arm ? 0.0 : step(abs(side - 0.12), 0.018));
#elif PATTERN == DENIM         // worn on thighs and knees
    float worn = leg ? exp(-3.0 * (limbs.z - 0.55) * (limbs.z - 0.55)) * smoothstep(-0.2, 0.8, normal.z) : 0.25;
    colour = mix(a.rgb, b.rgb, clamp(worn * 0.6 + 0.5 * broad.x + 0.3 * fine.y, 0.0, 1.0));
#elif PATTERN == FADE
    colour = mix(a.rgb, b.rgb, clamp(0.5 + rest.y / 1.2 + broad.x * 0.3, 0.0, 1.0));
#elif PATTERN == OTHER_SLEEVES
    colour = arm ? b.rgb : a.rgb;
#endif
    if (hem < d.w) colour = c.rgb;
#if PRINTED   // on the chest, or on the back
    bool behind = c.w >= 64.0;
    vec2 at = vec2(behind ? -rest.x : rest.x, (d.z - limbs.x) * 0.52) / (behind ? 0.28 : 0.2) + 0.5;
    vec2 inner = step(vec2(0.02), at) * step(at, vec2(0.98));
    float shown = inner.x * inner.y * (arm ? 0.0 : 1.0) * step(-0.02, behind ? -rest.z - 0.04 : rest.z);
    float cell_number = mod(c.w, 64.0);
    vec2 ink = texture(prints, (vec2(mod(cell_number, 8.0), floor(cell_number / 8.0)) + at) / 8.0).rg * shown;
    colour = mix(colour, b.rgb, ink.r);
    colour = mix(colour, c.rgb, ink.g);
#endif
    // Folds: long ones from the broad noise, and short ones across where the cloth is bent.
    float bend = arm ? exp(-14.0 * (limbs.y - 1.0) * (limbs.y - 1.0)) + 0.5 * exp(-30.0 * limbs.y * limbs.y)
               : (leg ? exp(-18.0 * (limbs.z - 1.0) * (limbs.z - 1.0)) + exp(-40.0 * (limbs.z - 0.05) * (limbs.z - 0.05))
                        + 0.8 * smoothstep(1.6, 1.95, limbs.z)
                      : 0.8 * exp(-30.0 * (limbs.x - 0.2) * (limbs.x - 0.2)));
    float crease = sin(along * (arm ? 105.0 : 85.0) + 20.0 * broad.y + 8.0 * fine.x);
    float ridge = 0.12 - abs(fine.z);
    float height = d.x * (0.11 * broad.w + 0.045 * ridge + 0.006 * bend * crease);
    float hollow = clamp(1.0 + d.x * (1.3 * broad.w + 1.3 * ridge + 0.12 * bend * crease), 0.7, 1.1);
    vec3 n = normalize(normal);
    if (dot(n, eye.xyz - place) < 0.0) n = -n;
    n = bump(place, n, height);
    if (hem < 0.004) hollow *= 0.8;
    pixel = vec4(developed(lit(colour, n, place, vec3(0.16), 9.0 + 60.0 * d.y, 0.015 + 0.25 * d.y, open * hollow)), owner.x);
}
