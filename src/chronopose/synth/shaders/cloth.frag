#version 330
#include "scene.glsl"
#include "light.glsl"
#include "pose.glsl"
#include "look.glsl"
uniform sampler2D prints;   // 8 x 8 pictures: red for the second colour, green for the third
in vec3 place;
in vec3 normal;
in vec3 rest;
in vec4 limbs;              // w: number of the fabric, plus 0.5, plus the distance from the hem (0.4 for 0.2 m or more)
in float open;
out vec4 pixel;

float band(float at, float share) {   // stripes with edges as wide as a pixel
    float wide = fwidth(at);
    float saw = abs(fract(at) - 0.5) * 2.0;
    return smoothstep(-wide, wide, saw - 1.0 + share) * (1.0 - smoothstep(0.35, 0.9, wide)) + share * smoothstep(0.35, 0.9, wide);
}

void main() {
    int number = int(floor(limbs.w));
    float hem = (limbs.w - float(number) - 0.5) * 0.5;
    if (hem < 0.0) discard;
    vec4 a = fabric[4 * number], b = fabric[4 * number + 1], c = fabric[4 * number + 2], d = fabric[4 * number + 3];
    int pattern = int(a.w);
    bool arm = limbs.y > -0.5, leg = limbs.z > -0.5 && limbs.x < 0.15;
    // Along the body part and around it, metres.
    float along = arm ? 0.27 * limbs.y : rest.y;
    float around = arm ? rest.z + 0.5 * (rest.x > 0.0 ? rest.y + 0.5 * rest.x : rest.y - 0.5 * rest.x)
                 : (abs(normal.y) > 2.0 ? 0.0 : rest.x * 0.9 + (leg ? rest.z : 0.35 * rest.z));
    vec4 broad = noise(rest * vec3(2.6, 1.7, 2.6) + skin.w + float(number) * 0.37);
    vec4 fine = noise(rest * vec3(8.0, 5.0, 8.0) + skin.w * 1.7);
    vec3 colour = a.rgb;
    float s = 1.0 / b.w;
    if (pattern == 1) colour = mix(a.rgb, b.rgb, band(along * s, 0.5));
    else if (pattern == 2) colour = mix(a.rgb, b.rgb, band(around * s, 0.35));
    else if (pattern == 3) {
        float u = band(around * s, 0.5), v = band(along * s, 0.5);
        colour = mix(a.rgb, b.rgb, 0.5 * (u + v));
        colour = mix(colour, c.rgb, 0.7 * max(band(around * s + 0.25, 0.09), band(along * s + 0.25, 0.09)));
    } else if (pattern == 4) {
        vec4 cloud = noise(rest * 0.22 * s + skin.w);
        colour = mix(a.rgb, b.rgb, smoothstep(-0.01, 0.02, cloud.x));
        colour = mix(colour, c.rgb, smoothstep(0.06, 0.09, cloud.y));
        colour = mix(colour, a.rgb * 0.3, smoothstep(0.10, 0.13, cloud.z));
    } else if (pattern == 5) {
        vec2 cell = vec2(around, along) * s;
        cell.x += 0.5 * mod(floor(cell.y), 2.0);
        vec2 at = fract(cell) - 0.5;
        float soft = clamp(fwidth(cell.y) * 1.5, 0.02, 0.5);
        float dot_ = 1.0 - smoothstep(0.28 - soft, 0.28 + soft, length(at));
        colour = mix(a.rgb, mod(floor(cell.x) + floor(cell.y), 3.0) < 1.0 ? c.rgb : b.rgb, dot_);
    } else if (pattern == 6) colour = mix(a.rgb, b.rgb, smoothstep(-0.02, 0.02, limbs.x - 0.72) * (arm ? 0.0 : 1.0));
    else if (pattern == 7) colour = mix(a.rgb, b.rgb, arm || leg ? band(around * 4.0 + 0.3, 0.16) : step(abs(abs(rest.x) - 0.13), 0.02));
    else if (pattern == 8) {   // denim: worn on thighs and knees, darker at the seams
        float worn = leg ? exp(-3.0 * (limbs.z - 0.55) * (limbs.z - 0.55)) * smoothstep(-0.2, 0.8, normal.z) : 0.25;
        colour = mix(a.rgb, b.rgb, clamp(worn * 0.6 + 0.8 * broad.x + 0.5 * fine.y, 0.0, 1.0));
    } else if (pattern == 9) colour = mix(a.rgb, b.rgb, clamp(0.5 + (rest.y - 0.0) / 1.2 + broad.x * 0.3, 0.0, 1.0));
    else if (pattern == 10 && arm) colour = b.rgb;
    if (d.w > 0.0 && hem < d.w) colour = c.rgb;
    if (c.w > -0.5 && !arm) {   // a print on the chest, or on the back
        float high = (limbs.x - d.z) * 0.52, wide_m = c.w >= 64.0 ? 0.28 : 0.2;
        vec2 at = vec2(rest.x * (rest.z > 0.0 ? 1.0 : -1.0), -high) / wide_m + 0.5;
        bool shown = (c.w >= 64.0) == (rest.z < -0.02) && rest.z * (c.w >= 64.0 ? -1.0 : 1.0) > -0.02;
        if (shown && all(greaterThan(at, vec2(0.02))) && all(lessThan(at, vec2(0.98)))) {
            float cell = mod(c.w, 64.0);
            vec4 ink = texture(prints, (vec2(mod(cell, 8.0), floor(cell / 8.0)) + at) / 8.0);
            colour = mix(colour, b.rgb, ink.r);
            colour = mix(colour, c.rgb, ink.g);
        }
    }
    // Folds: long ones from the broad noise, short ones across where the cloth is bent.
    float bend = arm ? exp(-14.0 * (limbs.y - 1.0) * (limbs.y - 1.0)) + 0.6 * exp(-30.0 * limbs.y * limbs.y)
               : (leg ? exp(-18.0 * (limbs.z - 1.0) * (limbs.z - 1.0)) + exp(-40.0 * (limbs.z - 0.05) * (limbs.z - 0.05))
                        + 0.8 * smoothstep(1.6, 1.95, limbs.z)
                      : exp(-30.0 * (limbs.x - 0.2) * (limbs.x - 0.2)));
    float crease = sin((arm ? limbs.y * 34.0 : (leg ? limbs.z * 48.0 : limbs.x * 60.0)) + 26.0 * broad.y + 9.0 * fine.x);
    float height = d.x * (0.045 * abs(broad.z) + 0.030 * broad.w + 0.016 * fine.z + 0.0035 * bend * crease);
    float hollow = clamp(1.0 + d.x * (1.6 * broad.w + 1.2 * fine.z + 0.12 * bend * crease), 0.6, 1.15);
    vec3 n = normalize(normal);
    if (dot(n, eye.xyz - place) < 0.0) n = -n;
    n = bump(place, n, height);
    colour *= 0.94 + 0.12 * fract(sin(dot(floor(rest * 900.0), vec3(12.9, 78.2, 37.7))) * 43758.5);
    if (hem < 0.004) hollow *= 0.8;
    pixel = vec4(developed(lit(colour, n, place, vec3(0.16), 9.0 + 60.0 * d.y, 0.015 + 0.25 * d.y, open * hollow)), owner.x);
}
