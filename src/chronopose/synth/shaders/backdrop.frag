#version 330
#include "scene.glsl"
#include "light.glsl"
uniform sampler2D picture;
uniform mat3 camera_to_world;
uniform vec2 half_view;     // tangent of half the angle of view, across and down
uniform vec3 gain;
#if PANORAMA
uniform float yaw;
#else
uniform vec4 window;
#endif
in vec2 corner;
out vec4 pixel;

void main() {
    vec3 ray = camera_to_world * vec3(corner.x * half_view.x, -corner.y * half_view.y, -1.0);
#if PANORAMA
    float u = (atan(ray.x, -ray.z) - yaw) / 6.2831853 + 0.5, v = atan(ray.y, length(ray.xz)) / 3.14159265;
    vec3 colour = textureLod(picture, vec2(u, 0.5 - v), 0.0).rgb * gain;
#else
    vec3 colour = textureLod(picture, window.xy + window.zw * (corner * 0.5 + 0.5), 0.0).rgb * gain;
#endif
#if SHADOW
    float down = max(-ray.y, 1e-4) / max(eye.y, 1e-3);
    float lies = step(1e-4, -ray.y) * step(1e-3, eye.y);
    colour *= mix(1.0, sunlight(eye.xyz + ray / down, 0.005), sun_direction.w * lies);
#endif
    pixel = vec4(min(colour, 1.0), 0.0);
}
