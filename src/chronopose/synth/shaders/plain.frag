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
    vec3 colour = vec3(0.55, 0.53, 0.5);
    float gloss = 60.0, shine = 0.3;
#if KIND == EYES
    vec2 at = vec2(abs(rest.x - between.x) - 0.5 * nose.w, rest.y - between.y) / nose.w;
    colour *= 1.0 - 0.5 * smoothstep(0.02, 0.12, at.y);
    colour = mix(iris.rgb, colour, smoothstep(0.085, 0.10, length(at)));
    colour = mix(vec3(0.004), colour, smoothstep(0.035, 0.045, length(at)));
#else
    int number = int(floor(limbs.w));
    vec4 a = fabric[4 * number], b = fabric[4 * number + 1], c = fabric[4 * number + 2], d = fabric[4 * number + 3];
    vec4 grain = noise(rest * 9.0 + skin.w);
    colour = a.rgb;
#if KIND == SHOE   // with a sole, a cap on the toes, a panel at the side
    if (number == 4) {
        float forward = rest.z / between.z;
        bool panel = forward > 0.1 && forward < 0.45 + 4.0 * (rest.y - sock.w), tip = forward > 0.85 || forward < -0.1;
        if (rest.y < sock.w + b.w) colour = c.rgb;
        else if ((int(a.w) == 1 && panel) || (int(a.w) == 2 && tip)) colour = b.rgb;
    }
#else              // a hat with its band
    if (int(a.w) == 1 && limbs.x > 1.24 && limbs.x < 1.30) colour = b.rgb;
#endif
    colour *= 1.0 + 0.3 * grain.y;
    gloss = 12.0 + 50.0 * d.y;
    shine = 0.02 + 0.3 * d.y;
    n = bump(place, n, 0.006 * grain.z);
#endif
    pixel = vec4(developed(lit(colour, n, place, vec3(0.15), gloss, shine, open)), owner.x);
}
