//! The game: two nets, their optimisers, and one update of each.

use gobelin_autograd::optimiser::{
    Adam, AdamOptions, Average, Descent, RmsProp, RmsPropOptions, clip_weights,
};
use gobelin_autograd::random;
use gobelin_autograd::{Figure, Tape, Tensor, Var, ops};
use gobelin_losses::gan::{Adversarial, Labels, penalty};
use gobelin_nets::dcgan::{DcganDiscriminator, DcganGenerator, Norm, Shape, UnknownSize, Upsampling};
use gobelin_nets::{Module, Pass, buffers, parameters};

/// What the game is played by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The nets' shape.
    pub shape: Shape,
    /// What both sides minimise.
    pub loss: Adversarial,
    /// How the generator doubles its maps.
    pub upsampling: Upsampling,
    /// The discriminator's norm.
    pub norm: Norm,
    /// How both sides learn.
    pub method: Method,
    /// Both sides' learning rate.
    pub learning_rate: f64,
    /// The discriminator's weights are clipped to plus and minus this after each of its updates.
    pub clip: Option<f32>,
    /// Weight of the gradient penalty; 0: none.
    pub gradient_penalty: f32,
    /// Weight of R1; 0: none.
    pub r1: f32,
    /// How much of the average of the generator's weights is kept at each update; 0: no average.
    pub average: f64,
    /// Whether algorithms that trade digits for speed are refused.
    pub exact: bool,
}

impl Rules {
    /// Whether nothing keeps a Wasserstein critic Lipschitz.
    pub fn is_unbounded_critic(&self) -> bool {
        let bounded = self.clip.is_some() || self.gradient_penalty > 0.0 || self.norm == Norm::Spectral;
        self.loss == Adversarial::Wgan && !bounded
    }
}

/// An optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Adam with these decay rates of the moments.
    Adam([f64; 2]),
    /// RMSprop.
    RmsProp,
}

/// A net and how it learns.
pub struct Side<Net> {
    /// The net.
    pub net: Net,
    /// Its optimiser.
    pub descent: Descent,
}

impl<Net: Module> Side<Net> {
    fn new(net: Net, rules: &Rules) -> Self {
        let (weights, learning_rate) = (parameters(&net), rules.learning_rate);
        let descent = match rules.method {
            Method::Adam(betas) => {
                let options = AdamOptions { learning_rate, betas, ..AdamOptions::default() };
                Descent::new(weights, |weights| Box::new(Adam::new(weights, options)))
            }
            Method::RmsProp => {
                let options = RmsPropOptions { learning_rate, ..RmsPropOptions::default() };
                Descent::new(weights, |weights| Box::new(RmsProp::new(weights, options)))
            }
        };
        Self { net, descent }
    }
}

/// What an update of the discriminator takes beside generated pictures.
#[derive(Clone, Debug)]
pub struct Hand {
    /// Real pictures, `(N, H, W, C)`.
    pub real: Tensor,
    /// What the discriminator is told of each.
    pub labels: Labels,
    /// For the gradient penalty: how far each picture lies between the two, `(N)`.
    pub place: Option<Tensor>,
}

/// What an update of the discriminator tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judged<N = f64> {
    /// Its loss, penalties included.
    pub loss: N,
    /// The penalties' part.
    pub penalty: N,
    /// The mean logit of real pictures.
    pub real: N,
    /// The mean logit of generated pictures.
    pub fake: N,
    /// The mean probability given to real pictures.
    pub real_probability: N,
    /// The mean probability given to generated pictures.
    pub fake_probability: N,
    /// The norm of its gradient.
    pub gradient: N,
}

impl<N> Judged<N> {
    /// Its numbers, in the order of [`Judged::of`].
    pub fn numbers(self) -> [N; 7] {
        let Self { loss, penalty, real, fake, real_probability, fake_probability, gradient } = self;
        [loss, penalty, real, fake, real_probability, fake_probability, gradient]
    }

    /// From its numbers.
    pub fn of(numbers: [N; 7]) -> Self {
        let [loss, penalty, real, fake, real_probability, fake_probability, gradient] = numbers;
        Self { loss, penalty, real, fake, real_probability, fake_probability, gradient }
    }
}

/// What an update of the generator tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drawn<N = f64> {
    /// Its loss.
    pub loss: N,
    /// The mean probability the updated discriminator gave its pictures.
    pub probability: N,
    /// The norm of its gradient.
    pub gradient: N,
}

/// Two nets that learn against each other.
pub struct Game {
    /// What it is played by.
    pub rules: Rules,
    /// Draws pictures from noise.
    pub generator: Side<DcganGenerator>,
    /// Tells drawn pictures from real ones.
    pub discriminator: Side<DcganDiscriminator>,
    /// The average of the generator's weights.
    pub average: Option<Average>,
}

impl Game {
    /// Fresh nets.
    ///
    /// # Errors
    /// If there are no nets for this size.
    pub fn new(rules: Rules, seed: u64) -> Result<Self, UnknownSize> {
        let mut numbers = random::generator(seed, 0);
        let generator = Side::new(DcganGenerator::new(rules.shape, rules.upsampling, &mut numbers)?, &rules);
        let discriminator =
            Side::new(DcganDiscriminator::new(rules.shape, rules.norm, &mut numbers)?, &rules);
        let average = (rules.average > 0.0)
            .then(|| Average::new(parameters(&generator.net), buffers(&generator.net), rules.average));
        Ok(Self { rules, generator, discriminator, average })
    }

    /// Pictures from noise, to learn from: on `tape`, or as constants.
    pub fn draw(&self, tape: Option<&Tape>, noise: &Tensor) -> Var {
        let pass = tape.map_or(Pass::frozen(), Pass::training).exact(self.rules.exact);
        self.generator.net.forward(&pass, &noise.clone().into())
    }

    /// Pictures from noise, to look at: with the averaged weights where there are any. Changes nothing.
    pub fn show(&mut self, noise: &Tensor) -> Tensor {
        let net = &self.generator.net;
        let pass = Pass::sampling().exact(self.rules.exact);
        let draw = || net.forward(&pass, &noise.clone().into()).into_tensor();
        match &mut self.average {
            Some(average) => average.during(draw),
            None => draw(),
        }
    }

    /// One update of the discriminator on real pictures and generated ones.
    pub fn update_discriminator(&mut self, hand: &Hand, fake: &Tensor) -> Judged<Figure> {
        let Hand { real, labels, place } = hand;
        let rules = self.rules;
        let tape = Tape::new();
        let pass = Pass::training(&tape).exact(rules.exact);
        let net = &self.discriminator.net;
        let judge = |pictures: &Tensor| net.forward(&pass, &pictures.clone().into());
        let (on_real, on_fake) = (judge(real), judge(fake));
        let mut loss = rules.loss.discriminator(&on_real, &on_fake, labels);
        let plain = loss.detach();
        if let Some(place) = place {
            let critic = |x: &Var| net.forward(&pass, x);
            let penalty = penalty::gradient_penalty(&tape, critic, real, fake, place, rules.gradient_penalty);
            loss = ops::add(&loss, &penalty);
        }
        if rules.r1 > 0.0 {
            loss = ops::add(&loss, &penalty::r1(&tape, |x| net.forward(&pass, x), real, rules.r1));
        }
        let judged = Judged {
            loss: Figure::from(&loss),
            penalty: (&ops::sub(&loss.detach(), &plain)).into(),
            real: (&ops::mean(&on_real.detach())).into(),
            fake: (&ops::mean(&on_fake.detach())).into(),
            real_probability: mean_probability(&on_real),
            fake_probability: mean_probability(&on_fake),
            gradient: Figure::Known(0.0),
        };
        let gradient = self.discriminator.descent.update(tape, &loss);
        if let Some(limit) = rules.clip {
            clip_weights(self.discriminator.descent.weights(), limit);
        }
        Judged { gradient, ..judged }
    }

    /// One update of the generator, from its pictures on `tape`.
    pub fn update_generator(&mut self, tape: Tape, fake: &Var) -> Drawn<Figure> {
        let pass = Pass::frozen().exact(self.rules.exact);
        let logits = self.discriminator.net.forward(&pass, fake);
        let loss = self.rules.loss.generator(&logits);
        let (told, probability) = (Figure::from(&loss), mean_probability(&logits));
        drop(logits);
        let gradient = self.generator.descent.update(tape, &loss);
        if let Some(average) = &mut self.average {
            average.update();
        }
        Drawn { loss: told, probability, gradient }
    }
}

fn mean_probability(logits: &Var) -> Figure {
    (&ops::mean(&ops::sigmoid(&logits.detach()))).into()
}
