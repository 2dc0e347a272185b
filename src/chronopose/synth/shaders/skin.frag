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

// 1 inside an ellipse of half axes `size`, with a soft edge.
float spot(vec2 at, vec2 size, float soft) { return 1.0 - smoothstep(1.0 - soft, 1.0 + soft, length(at / size)); }

void main() {
    vec3 n = normalize(normal);
    vec4 grain = noise(rest * 7.0 + skin.w);
    vec3 colour = skin.rgb * (1.0 + 0.22 * grain.x);
    vec3 blood = skin.rgb * vec3(1.08, 0.78, 0.72);
    float gloss = 22.0, shine = 0.035 + 0.02 * grain.y, height = 0.0;
    vec3 wrap = vec3(0.38, 0.24, 0.18);
    if (limbs.w > -0.99) {
        float size = nose.w;
        vec3 d = (rest - between.xyz) / size;      // eyes at x = +-0.5, y = 0
        float nose_y = (nose.y - between.y) / size;
        float chin_y = (between.w - between.y) / size;
        float mouth_y = mix(nose_y, chin_y, 0.36);
        float front = smoothstep(-1.1, -0.5, d.z);
        float side = abs(d.x);
        colour = mix(colour, blood, front * extras.z * spot(vec2(side - 0.62, d.y - nose_y * 0.8), vec2(0.45, 0.4), 0.5));
        // Sockets, wings of the nose and the line under the lower lip lie in their own shade.
        float dark = 0.30 * spot(vec2(side - 0.47, d.y - 0.02), vec2(0.36, 0.27), 0.6);
        dark += 0.35 * spot(vec2(side - 0.17, d.y - nose_y + 0.10), vec2(0.11, 0.06), 0.5);
        dark += 0.25 * spot(vec2(d.x, d.y - mouth_y + 0.27), vec2(0.3, 0.07), 0.6);
        dark += 0.5 * spot(vec2(side - 0.5, d.y - 0.07), vec2(0.25, 0.035), 0.5);
        colour *= 1.0 - front * min(dark, 0.6);
        float mouth = spot(vec2(d.x, d.y - mouth_y), vec2(0.42, 0.15), 0.25);
        vec3 lip = lips.rgb * (abs(d.y - mouth_y) < 0.022 ? 0.35 : 1.0);
        float beard = lips.w * smoothstep(nose_y - 0.02, nose_y - 0.16, d.y) * smoothstep(-1.5, -1.1, d.z)
                    * (1.0 - spot(vec2(d.x, d.y - nose_y), vec2(0.2, 0.2), 0.3)) * smoothstep(chin_y - 0.55, chin_y - 0.2, d.y);
        beard = max(beard, lips.w * front * spot(vec2(side - 0.3, d.y - mix(nose_y, mouth_y, 0.55)), vec2(0.4, 0.1), 0.4));
        colour = mix(colour, hair.rgb * 0.8, 0.85 * beard * (0.85 + 0.5 * grain.z));
        colour = mix(colour, lip, front * mouth * 0.8);
        float brow = spot(vec2(side - 0.52, d.y - 0.34 + 0.25 * (side - 0.55) * (side - 0.55)), vec2(0.36, 0.075), 0.4);
        colour = mix(colour, hair.rgb * 0.7, front * brow * iris.w);
        float line = limbs.w - hair.w + 0.06 * noise(rest * 26.0).x;
        float mane = smoothstep(-0.015, 0.015, line);
        float strand = noise(rest * vec3(60.0, 9.0, 60.0) + skin.w).x;
        colour = mix(colour, hair.rgb * (0.8 + 1.0 * strand), mane);
        height += mane * 0.004 * strand;
        shine = mix(shine, 0.02, mane);
    } else {
        float hand = smoothstep(1.85, 2.0, limbs.y);
        float joint = exp(-60.0 * (limbs.z - 1.0) * (limbs.z - 1.0)) + exp(-60.0 * (limbs.y - 1.0) * (limbs.y - 1.0));
        colour = mix(colour, blood, 0.35 * hand + 0.3 * min(joint, 1.0));
        if (limbs.z > extras.x + 0.01 * grain.x) {
            colour = sock.rgb * (1.0 + 0.15 * grain.x - 0.12 * step(limbs.z, extras.x + 0.1) * step(0.5, fract(limbs.z * 60.0)));
            shine = 0.01;
            wrap = vec3(0.2);
        }
    }
    height += 0.0016 * grain.w;
    n = bump(place, n, height);
    pixel = vec4(developed(lit(colour, n, place, wrap, gloss, shine, open)), owner.x);
}
