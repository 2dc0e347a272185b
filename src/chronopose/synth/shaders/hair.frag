#version 330
#include "scene.glsl"
#include "light.glsl"
#include "pose.glsl"
#include "look.glsl"
in vec3 place;
in vec3 normal;
in vec3 rest;
in vec4 limbs;
in float open;
out vec4 pixel;

void main() {
    vec3 n = normalize(normal);
    if (dot(n, eye.xyz - place) < 0.0) n = -n;
    float angle = atan(rest.x, rest.z - between.z + 0.09);
    vec4 strand = noise(vec3(angle * 4.0, rest.y * 1.4, 0.3 * length(rest.xz)) + skin.w);
    vec4 lock = noise(vec3(angle * 1.1, rest.y * 0.9, 0.5) + skin.w);
    float depth = clamp((between.y - rest.y) * 2.0 + 0.2, 0.0, 1.0);
    vec3 colour = mix(hair.rgb, hair.rgb * extras.w, depth) * (0.85 + 1.3 * strand.x + 0.7 * lock.y);
    n = bump(place, n, 0.006 * strand.y + 0.02 * lock.x);
    // Light slides along the strands: a band of it, not a spot (after Kajiya and Kay).
    vec3 along = normalize(vec3(0.0, -1.0, 0.0) - n * dot(n, vec3(0.0, -1.0, 0.0)) + 0.15 * vec3(strand.z, 0.0, strand.w));
    vec3 view = normalize(eye.xyz - place);
    float across = dot(along, normalize(sun_direction.xyz + view));
    float band = pow(max(1.0 - across * across, 0.0), 40.0) * step(-0.1, dot(n, sun_direction.xyz));
    vec3 light = lit(colour, n, place, vec3(0.25), 16.0, 0.01, open * (0.8 + 0.5 * lock.x));
    light += sun.rgb * band * (0.03 + 0.35 * hair.rgb) * (0.6 + strand.y);
    pixel = vec4(developed(light), owner.x);
}
