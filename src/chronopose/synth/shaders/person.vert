#version 330
#include "scene.glsl"
#include "pose.glsl"
in vec3 in_position;
in vec4 in_normal;   // w: how open to the sky, 0 to 1
in uvec4 in_bones;
in vec4 in_weights;
in vec4 in_limbs;
out vec3 place;
out vec3 normal;
out vec3 rest;
out vec4 limbs;
out float open;

void main() {
    vec4 x = vec4(0), y = vec4(0), z = vec4(0);
    for (int k = 0; k < 4; k++) {
        int row = 3 * int(in_bones[k]);
        x += in_weights[k] * rows[row];
        y += in_weights[k] * rows[row + 1];
        z += in_weights[k] * rows[row + 2];
    }
    vec4 p = vec4(in_position, 1.0);
    place = vec3(dot(x, p), dot(y, p), dot(z, p));
    normal = vec3(dot(x.xyz, in_normal.xyz), dot(y.xyz, in_normal.xyz), dot(z.xyz, in_normal.xyz));
    rest = in_position;
    limbs = in_limbs;
    open = in_normal.w;
    gl_Position = world_to_clip * vec4(place, 1.0);
}
