// One person's bones, three rows of a 3x4 matrix each, and the number of the person.
layout(std140) uniform Pose {
    vec4 rows[192];
    vec4 owner;
};
