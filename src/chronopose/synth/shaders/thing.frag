#version 330
#include "scene.glsl"
#include "light.glsl"
uniform sampler2D picture;
uniform vec4 window;
uniform vec3 gain;
in vec3 place;
in vec3 normal;
in vec2 uv;
out vec4 pixel;

void main() {
    vec3 n = normalize(normal);
    if (dot(n, eye.xyz - place) < 0.0) n = -n;
    vec3 albedo = pow(texture(picture, window.xy + window.zw * uv).rgb * gain, vec3(2.2));
    pixel = vec4(developed(lit(albedo, n, place, vec3(0.1), 14.0, 0.02, 1.0)), 1.0);
}
