// What one instant shares: camera, light, the sun's depth map, noise, and how a surface answers light.
layout(std140) uniform Scene {
    mat4 world_to_clip;   // y turned over, so that the first row of the picture is its top
    mat4 world_to_sun;    // to 0..1 in the sun's depth map
    vec4 eye;             // camera position
    vec4 sun_direction;   // w: darkness of the shadow on the floor
    vec4 sun;
    vec4 sky;
    vec4 ground;
};
