//! Every shape of convolution that one training step of the trainers runs, each once.
//!
//! A transposed convolution is listed as the convolution whose input gradient it is, so DCGAN's generator shares the
//! shapes of its discriminator except the first.

use gobelin_kernels::cpu::conv::Conv2d;

/// Rows, columns and depth.
pub const PRODUCTS: [(usize, usize, usize); 4] =
    [(1024, 1024, 1024), (64, 50176, 576), (50176, 64, 576), (512, 512, 16384)];

/// Name, batch, rows and columns, channels in, channels out, kernel, stride, padding.
type Row = (&'static str, usize, usize, usize, usize, usize, usize, usize);

const ROWS: &[Row] = &[
    // DCGAN at 64 pixels.
    ("gan.d1", 64, 64, 3, 64, 4, 2, 1),
    ("gan.d2", 64, 32, 64, 128, 4, 2, 1),
    ("gan.d3", 64, 16, 128, 256, 4, 2, 1),
    ("gan.d4", 64, 8, 256, 512, 4, 2, 1),
    ("gan.d5", 64, 4, 512, 1, 4, 1, 0),
    ("gan.g1", 64, 4, 512, 100, 4, 1, 0),
    // CycleGAN at 128 pixels; reflected borders are padded before.
    ("cyclegan.c7-first", 1, 134, 3, 64, 7, 1, 0),
    ("cyclegan.d128", 1, 128, 64, 128, 3, 2, 1),
    ("cyclegan.d256", 1, 64, 128, 256, 3, 2, 1),
    ("cyclegan.residual", 1, 34, 256, 256, 3, 1, 0),
    ("cyclegan.c7-last", 1, 134, 64, 3, 7, 1, 0),
    ("cyclegan.patch1", 1, 128, 3, 64, 4, 2, 1),
    ("cyclegan.patch2", 1, 64, 64, 128, 4, 2, 1),
    ("cyclegan.patch3", 1, 32, 128, 256, 4, 2, 1),
    ("cyclegan.patch4", 1, 16, 256, 512, 4, 1, 1),
    ("cyclegan.patch5", 1, 15, 512, 1, 4, 1, 1),
    // FaceNet NN2 at 96 pixels.
    ("facenet.1", 32, 96, 3, 64, 7, 2, 3),
    ("facenet.2-reduce", 32, 24, 64, 64, 1, 1, 0),
    ("facenet.2", 32, 24, 64, 192, 3, 1, 1),
    ("facenet.3a-1", 32, 12, 192, 64, 1, 1, 0),
    ("facenet.3a-reduce3", 32, 12, 192, 96, 1, 1, 0),
    ("facenet.3a-3", 32, 12, 96, 128, 3, 1, 1),
    ("facenet.3a-reduce5", 32, 12, 192, 16, 1, 1, 0),
    ("facenet.3a-5", 32, 12, 16, 32, 5, 1, 2),
    ("facenet.3b-5", 32, 12, 32, 64, 5, 1, 2),
    ("facenet.3c-reduce3", 32, 12, 320, 128, 1, 1, 0),
    ("facenet.3c-3", 32, 12, 128, 256, 3, 2, 1),
    ("facenet.3c-5", 32, 12, 32, 64, 5, 2, 2),
    ("facenet.4a-1", 32, 6, 640, 256, 1, 1, 0),
    ("facenet.4a-3", 32, 6, 96, 192, 3, 1, 1),
    ("facenet.4a-5", 32, 6, 32, 64, 5, 1, 2),
    ("facenet.4d-reduce3", 32, 6, 640, 144, 1, 1, 0),
    ("facenet.4d-3", 32, 6, 144, 288, 3, 1, 1),
    ("facenet.4e-3", 32, 6, 160, 256, 3, 2, 1),
    ("facenet.4e-5", 32, 6, 64, 128, 5, 2, 2),
    ("facenet.5a-1", 32, 3, 1024, 384, 1, 1, 0),
    ("facenet.5a-reduce5", 32, 3, 1024, 48, 1, 1, 0),
    ("facenet.5a-3", 32, 3, 192, 384, 3, 1, 1),
    ("facenet.5a-5", 32, 3, 48, 128, 5, 1, 2),
    // VGG-19 at 256 pixels.
    ("vgg.1_1", 1, 256, 3, 64, 3, 1, 1),
    ("vgg.1_2", 1, 256, 64, 64, 3, 1, 1),
    ("vgg.2_1", 1, 128, 64, 128, 3, 1, 1),
    ("vgg.2_2", 1, 128, 128, 128, 3, 1, 1),
    ("vgg.3_1", 1, 64, 128, 256, 3, 1, 1),
    ("vgg.3_2", 1, 64, 256, 256, 3, 1, 1),
    ("vgg.4_1", 1, 32, 256, 512, 3, 1, 1),
    ("vgg.4_2", 1, 32, 512, 512, 3, 1, 1),
    ("vgg.5_1", 1, 16, 512, 512, 3, 1, 1),
    // Johnson's transformation network at 128 pixels; borders are padded before.
    ("transform.c9-first", 4, 136, 3, 32, 9, 1, 0),
    ("transform.d64", 4, 130, 32, 64, 3, 2, 0),
    ("transform.d128", 4, 66, 64, 128, 3, 2, 0),
    ("transform.residual", 4, 34, 128, 128, 3, 1, 0),
    ("transform.u64", 4, 66, 128, 64, 3, 1, 0),
    ("transform.u32", 4, 130, 64, 32, 3, 1, 0),
    ("transform.c9-last", 4, 136, 32, 3, 9, 1, 0),
    // U-Net at 128 pixels.
    ("unet.down1a", 4, 128, 3, 32, 3, 1, 1),
    ("unet.down1b", 4, 128, 32, 32, 3, 1, 1),
    ("unet.down2a", 4, 64, 32, 64, 3, 1, 1),
    ("unet.down2b", 4, 64, 64, 64, 3, 1, 1),
    ("unet.down3a", 4, 32, 64, 128, 3, 1, 1),
    ("unet.down3b", 4, 32, 128, 128, 3, 1, 1),
    ("unet.down4a", 4, 16, 128, 256, 3, 1, 1),
    ("unet.down4b", 4, 16, 256, 256, 3, 1, 1),
    ("unet.middle-a", 4, 8, 256, 512, 3, 1, 1),
    ("unet.middle-b", 4, 8, 512, 512, 3, 1, 1),
    ("unet.up4", 4, 16, 256, 512, 2, 2, 0),
    ("unet.up3", 4, 32, 128, 256, 2, 2, 0),
    ("unet.up2", 4, 64, 64, 128, 2, 2, 0),
    ("unet.up1", 4, 128, 32, 64, 2, 2, 0),
    ("unet.join4", 4, 16, 512, 256, 3, 1, 1),
    ("unet.join3", 4, 32, 256, 128, 3, 1, 1),
    ("unet.join2", 4, 64, 128, 64, 3, 1, 1),
    ("unet.join1", 4, 128, 64, 32, 3, 1, 1),
    ("unet.out", 4, 128, 32, 1, 1, 1, 0),
];

/// Names and shapes.
pub fn convolutions() -> impl Iterator<Item = (&'static str, Conv2d)> {
    ROWS.iter().map(|&(name, batch, size, channels_in, channels_out, kernel, stride, padding)| {
        let shape = Conv2d {
            batch,
            height: size,
            width: size,
            channels_in,
            channels_out,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            exact: false,
        };
        (name, shape)
    })
}
