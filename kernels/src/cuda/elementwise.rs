//! One function over every element, over pairs, or over threes.
//!
//! The host's kernels take any function; a card runs what was compiled for it, so functions have names here.

use super::device::Device;
use super::divide::Divide;
use super::driver::{Address, Parameter};
use super::error::Result;
use super::memory::DeviceBuffer;
use crate::cpu::strides::join_axes;

const FILE: &str = "elementwise";

/// A function of one number, `x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// -1, 0 or 1
    Sign,
    /// `x^2`
    Square,
    /// The square root.
    Sqrt,
    /// `e^x`
    Exp,
    /// The natural logarithm.
    Ln,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `ln(1 + e^x)`
    Softplus,
    /// The hyperbolic tangent.
    Tanh,
    /// `factor x`
    Scale(f32),
    /// `x + addend`
    Add(f32),
    /// `1 / x`, and 0 for 0.
    ReciprocalOrZero,
    /// `1 / sqrt(x + epsilon)`
    ReciprocalRoot(f32),
    /// `x^exponent`
    Power(f32),
    /// `x^exponent`, and 0 for 0.
    PowerOrZero(f32),
    /// `max(x, 0)`; NaN stays.
    Relu,
    /// `x`, times `slope` where it is not above 0.
    LeakyRelu(f32),
    /// The slope of [`Map::LeakyRelu`] from its input or output.
    LeakySlope(f32),
    /// `x` within bounds; NaN stays.
    Clamp(f32, f32),
    /// 1 within bounds, else 0.
    IsInside(f32, f32),
    /// 1 for 0, else 0.
    IsZero,
    /// 1 below the bound, else 0.
    IsBelow(f32),
}

impl Map {
    fn kernel(self) -> (&'static str, [f32; 2]) {
        match self {
            Self::Neg => ("map_neg", [0.0; 2]),
            Self::Abs => ("map_abs", [0.0; 2]),
            Self::Sign => ("map_sign", [0.0; 2]),
            Self::Square => ("map_square", [0.0; 2]),
            Self::Sqrt => ("map_sqrt", [0.0; 2]),
            Self::Exp => ("map_exp", [0.0; 2]),
            Self::Ln => ("map_ln", [0.0; 2]),
            Self::Sigmoid => ("map_sigmoid", [0.0; 2]),
            Self::Softplus => ("map_softplus", [0.0; 2]),
            Self::Tanh => ("map_tanh", [0.0; 2]),
            Self::Scale(factor) => ("map_scale", [factor, 0.0]),
            Self::Add(addend) => ("map_add", [addend, 0.0]),
            Self::ReciprocalOrZero => ("map_reciprocal_or_zero", [0.0; 2]),
            Self::ReciprocalRoot(epsilon) => ("map_reciprocal_root", [epsilon, 0.0]),
            Self::Power(exponent) => ("map_power", [exponent, 0.0]),
            Self::PowerOrZero(exponent) => ("map_power_or_zero", [exponent, 0.0]),
            Self::Relu => ("map_relu", [0.0; 2]),
            Self::LeakyRelu(slope) => ("map_leaky_relu", [slope, 0.0]),
            Self::LeakySlope(slope) => ("map_leaky_slope", [slope, 0.0]),
            Self::Clamp(low, high) => ("map_clamp", [low, high]),
            Self::IsInside(low, high) => ("map_is_inside", [low, high]),
            Self::IsZero => ("map_is_zero", [0.0; 2]),
            Self::IsBelow(bound) => ("map_is_below", [bound, 0.0]),
        }
    }
}

/// A function of two numbers, `a` and `b`. Gradients: `a` is the gradient, `b` what the function was given (or gave).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zip {
    /// `a`: spreads it to the common shape.
    First,
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a b`
    Mul,
    /// `a / b`
    Div,
    /// The larger; NaN if either is.
    Maximum,
    /// The smaller; NaN if either is.
    Minimum,
    /// What [`Zip::Maximum`] passes on to `a` of its gradient: 1, 0, or 0.5 where both are equal.
    MaximumShare,
    /// The same for [`Zip::Minimum`].
    MinimumShare,
    /// `a` where `b` is not 0, else 0.
    Masked,
    /// `a sign(b)`
    AbsGradient,
    /// `2 a b`
    SquareGradient,
    /// `a sigmoid(b)`
    SoftplusGradient,
    /// `a b (1 - b)`, for the output `b`
    SigmoidGradient,
    /// `a (1 - b^2)`, for the output `b`
    TanhGradient,
    /// `a` where `b` is above 0 (or NaN), else 0.
    ReluGradient,
    /// `a` where `b` is above 0, else `slope a`.
    LeakyReluGradient(f32),
    /// `factor (a - b)`
    ScaledDifference(f32),
    /// `factor sign(a - b)`
    ScaledSignOfDifference(f32),
    /// `keep a + (1 - keep) b`
    Average(f32),
    /// `a + factor b`
    AddScaled(f32),
}

impl Zip {
    fn name(self) -> (&'static str, f32) {
        match self {
            Self::First => ("first", 0.0),
            Self::Add => ("add", 0.0),
            Self::Sub => ("sub", 0.0),
            Self::Mul => ("mul", 0.0),
            Self::Div => ("div", 0.0),
            Self::Maximum => ("maximum", 0.0),
            Self::Minimum => ("minimum", 0.0),
            Self::MaximumShare => ("maximum_share", 0.0),
            Self::MinimumShare => ("minimum_share", 0.0),
            Self::Masked => ("masked", 0.0),
            Self::AbsGradient => ("abs_gradient", 0.0),
            Self::SquareGradient => ("square_gradient", 0.0),
            Self::SoftplusGradient => ("softplus_gradient", 0.0),
            Self::SigmoidGradient => ("sigmoid_gradient", 0.0),
            Self::TanhGradient => ("tanh_gradient", 0.0),
            Self::ReluGradient => ("relu_gradient", 0.0),
            Self::LeakyReluGradient(slope) => ("leaky_relu_gradient", slope),
            Self::ScaledDifference(factor) => ("scaled_difference", factor),
            Self::ScaledSignOfDifference(factor) => ("scaled_sign_of_difference", factor),
            Self::Average(keep) => ("average", keep),
            Self::AddScaled(factor) => ("add_scaled", factor),
        }
    }
}

/// A function of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipThree {
    /// `b` where the mask `a` is not 0, else `c`.
    Select,
    /// The gradient `a` that the maximum of `b` (one's own) and `c` passes on to `b`.
    MaximumGradient,
    /// The same for the minimum.
    MinimumGradient,
}

fn run_map(device: &Device, x: Address, out: Address, count: usize, function: Map) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let (kernel, [p, q]) = function.kernel();
    let launch = device.over(count.div_ceil(4));
    // SAFETY: both buffers hold `count` values, and each is read before it is written.
    unsafe { device.launch(FILE, kernel, launch, &[&x, &out, &(count as u32), &p, &q]) }
}

/// `out[i] = function(x[i])`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths differ.
pub fn map(x: &DeviceBuffer, out: &mut DeviceBuffer, function: Map) -> Result<()> {
    assert_eq!(x.len(), out.len(), "map: lengths");
    run_map(x.device(), x.address(), out.address(), x.len(), function)
}

/// `values[i] = function(values[i])`.
///
/// # Errors
/// If the device does not answer.
pub fn map_in_place(values: &mut DeviceBuffer, function: Map) -> Result<()> {
    run_map(values.device(), values.address(), values.address(), values.len(), function)
}

/// `values[i] = value`.
///
/// # Errors
/// If the device does not answer.
pub fn fill(values: &mut DeviceBuffer, value: f32) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let (device, count, at) = (values.device(), values.len(), values.address());
    let launch = device.over(count.div_ceil(4));
    // SAFETY: the buffer holds `count` values; what is read of it goes nowhere.
    unsafe { device.launch(FILE, "map_fill", launch, &[&at, &at, &(count as u32), &value, &0.0f32]) }
}

fn run_zip(a: &DeviceBuffer, b: &DeviceBuffer, out: Address, function: Zip) -> Result<()> {
    assert!(a.len() == b.len(), "zip: lengths {} and {}", a.len(), b.len());
    if a.is_empty() {
        return Ok(());
    }
    let (name, p) = function.name();
    let (device, count) = (a.device(), a.len());
    let launch = device.over(count.div_ceil(4));
    let arguments: [&dyn Parameter; 5] = [&a.address(), &b.address(), &out, &(count as u32), &p];
    // SAFETY: all three hold `count` values, and each is read before it is written.
    unsafe { device.launch(FILE, &format!("zip_{name}"), launch, &arguments) }
}

/// `out[i] = function(a[i], b[i])`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths differ.
pub fn zip(a: &DeviceBuffer, b: &DeviceBuffer, out: &mut DeviceBuffer, function: Zip) -> Result<()> {
    assert!(a.len() == out.len(), "zip: lengths {} and {}", a.len(), out.len());
    run_zip(a, b, out.address(), function)
}

/// `a[i] = function(a[i], b[i])`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths differ.
pub fn zip_in_place(a: &mut DeviceBuffer, b: &DeviceBuffer, function: Zip) -> Result<()> {
    run_zip(a, b, a.address(), function)
}

/// `out[i] = function(a[i], b[i], c[i])`.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If the lengths differ.
pub fn zip_three(operands: [&DeviceBuffer; 3], out: &mut DeviceBuffer, function: ZipThree) -> Result<()> {
    assert!(operands.iter().all(|operand| operand.len() == out.len()), "zip_three: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let kernel = match function {
        ZipThree::Select => "zip_three_select",
        ZipThree::MaximumGradient => "zip_three_maximum_gradient",
        ZipThree::MinimumGradient => "zip_three_minimum_gradient",
    };
    let (device, count, [a, b, c]) = (out.device(), out.len(), operands.map(DeviceBuffer::address));
    // SAFETY: all four hold `count` values.
    unsafe { device.launch(FILE, kernel, device.over(count), &[&a, &b, &c, &out.address(), &(count as u32)]) }
}

/// Axes the kernels can walk over once neighbours are joined.
pub(super) const MOST_AXES: usize = 6;

/// As the kernels' `Strided`.
#[repr(C)]
struct Strided {
    axes: u32,
    shape: [Divide; MOST_AXES],
    a: [u32; MOST_AXES],
    b: [u32; MOST_AXES],
}

// SAFETY: 32-bit numbers on both sides.
unsafe impl Parameter for Strided {}

/// `out = function(a, b)` where an operand may be repeated along axes.
///
/// `shape` is the output's; the strides give each operand's step along each axis, 0 where it is repeated.
///
/// # Errors
/// If the device does not answer.
///
/// # Panics
/// If an operand is too short, or more than six axes are left once neighbours are joined.
pub fn zip_strided(
    shape: &[usize],
    (a, a_strides): (&DeviceBuffer, &[usize]),
    (b, b_strides): (&DeviceBuffer, &[usize]),
    out: &mut DeviceBuffer,
    function: Zip,
) -> Result<()> {
    assert_eq!(shape.iter().product::<usize>(), out.len(), "zip_strided: lengths");
    if out.is_empty() {
        return Ok(());
    }
    let reach =
        |strides: &[usize]| -> usize { shape.iter().zip(strides).map(|(n, step)| (n - 1) * step).sum() };
    assert!(reach(a_strides) < a.len() && reach(b_strides) < b.len(), "zip_strided: an operand is too short");
    let (shape, [a_strides, b_strides]) = join_axes(shape, [a_strides, b_strides]);
    assert!(shape.len() <= MOST_AXES, "zip_strided: {shape:?}: at most {MOST_AXES} axes");
    let mut strided = Strided {
        axes: shape.len() as u32,
        shape: [Divide::by(1); MOST_AXES],
        a: [0; MOST_AXES],
        b: [0; MOST_AXES],
    };
    for (place, axis) in (0..shape.len()).rev().enumerate() {
        strided.shape[place] = Divide::by(shape[axis]);
        strided.a[place] = a_strides[axis] as u32;
        strided.b[place] = b_strides[axis] as u32;
    }
    let (name, p) = function.name();
    let (device, count) = (out.device(), out.len());
    let arguments: [&dyn Parameter; 6] =
        [&a.address(), &b.address(), &out.address(), &(count as u32), &p, &strided];
    // SAFETY: the strides stay inside the operands.
    unsafe { device.launch(FILE, &format!("zip_strided_{name}"), device.over(count), &arguments) }
}
