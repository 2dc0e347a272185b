// One person's paint; look.Look.block writes it.
const int FABRICS = 8;
layout(std140) uniform Look {
    vec4 skin;      // linear colour; w: a number of one's own
    vec4 hair;      // w: where the hair begins, above 0.9 for none
    vec4 lips;      // w: beard 0 to 1
    vec4 iris;      // w: brows 0 to 1
    vec4 nose;      // tip at rest; w: distance between the eyes in metres
    vec4 between;   // the point between the eyes at rest; w: bottom of the face
    vec4 extras;    // x: where socks begin on the leg; z: blush; w: shade of the hair's tips
    vec4 sock;
    vec4 fabric[FABRICS * 4];
    // a: colour, pattern; b: second colour, size of the pattern in metres; c: third colour, print number (below 0: none);
    // d: wrinkles, shine, height of the print on the torso, trim in metres
};
