#version 330
#include "scene.glsl"
uniform mat4 own_to_world;
in vec3 in_position;

void main() { gl_Position = world_to_sun * (own_to_world * vec4(in_position, 1.0)) * 2.0 - 1.0; }
