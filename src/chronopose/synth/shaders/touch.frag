#version 330
in vec2 corner;
in float dark;
out vec4 pixel;

void main() {
    float near = max(1.0 - dot(corner, corner), 0.0);
    pixel = vec4(0.0, 0.0, 0.0, dark * near * near);
}
