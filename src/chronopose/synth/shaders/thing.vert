#version 330
#include "scene.glsl"
uniform mat4 own_to_world;
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
out vec3 place;
out vec3 normal;
out vec2 uv;

void main() {
    vec4 world = own_to_world * vec4(in_position, 1.0);
    place = world.xyz;
    normal = transpose(inverse(mat3(own_to_world))) * in_normal;
    uv = in_uv;
    gl_Position = world_to_clip * world;
}
