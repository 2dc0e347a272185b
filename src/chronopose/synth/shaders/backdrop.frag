#version 330
#include "scene.glsl"
#include "light.glsl"
uniform sampler2D picture;
uniform mat3 camera_to_world;
uniform vec2 half_view;     // tangent of half the angle of view, across and down
uniform vec4 window;
uniform vec3 gain;
uniform float yaw;
uniform bool panorama;
in vec2 corner;
out vec4 pixel;

void main() {
    vec3 ray = camera_to_world * vec3(corner.x * half_view.x, -corner.y * half_view.y, -1.0);
    vec3 colour;
    if (panorama) {
        vec3 to = normalize(ray);
        float u = (atan(to.x, -to.z) - yaw) / 6.2831853 + 0.5;
        vec2 uv = vec2(u, 0.5 - asin(clamp(to.y, -1.0, 1.0)) / 3.14159265);
        colour = textureLod(picture, uv, 0.0).rgb;
    } else colour = texture(picture, window.xy + window.zw * (corner * 0.5 + 0.5)).rgb;
    colour *= gain;
    if (sun_direction.w > 0.0 && ray.y < -1e-4 && eye.y > 0.0) {
        vec3 floor_point = eye.xyz - ray * (eye.y / ray.y);
        colour *= mix(1.0, sunlight(floor_point, 0.005), sun_direction.w);
    }
    pixel = vec4(min(colour, 1.0), 0.0);
}
