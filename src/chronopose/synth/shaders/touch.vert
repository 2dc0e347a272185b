#version 330
#include "scene.glsl"
in vec2 in_corner;
in vec4 in_spot;      // x, z, radius in metres, darkness
out vec2 corner;
out float dark;

void main() {
    corner = in_corner;
    dark = in_spot.w;
    vec2 at = in_spot.xy + in_corner * in_spot.z;
    gl_Position = world_to_clip * vec4(at.x, 0.0, at.y, 1.0);
}
