#version 330
#include "scene.glsl"
#include "pose.glsl"
in vec3 in_position;
in uvec4 in_bones;
in vec4 in_weights;

void main() {
    vec4 p = vec4(in_position, 1.0);
    vec3 place = vec3(0);
    for (int k = 0; k < 4; k++) {
        int row = 3 * int(in_bones[k]);
        place += in_weights[k] * vec3(dot(rows[row], p), dot(rows[row + 1], p), dot(rows[row + 2], p));
    }
    gl_Position = world_to_sun * vec4(place, 1.0) * 2.0 - 1.0;
}
