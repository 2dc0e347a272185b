#version 330
in vec2 in_corner;
out vec2 corner;   // -1 to 1, y down as in the picture

void main() {
    corner = in_corner;
    gl_Position = vec4(in_corner, 1.0, 1.0);
}
