//! Batches that travel beside the work.

use std::sync::Arc;

use gobelin_emulation::{Emulation, Order};
use gobelin_kernels::cuda::driver::{Driver, Lane};
use gobelin_kernels::cuda::elementwise::{Map, Zip, map_in_place, zip_in_place};
use gobelin_kernels::cuda::feed::Feed;
use gobelin_kernels::cuda::{Card, Device, DeviceBuffer, Error, Result, is_driver_present};

const ORDERS: [Order; 2] = [Order::Forwards, Order::Backwards];

fn emulation(order: Order) -> Option<Arc<Emulation>> {
    Some(Arc::new(Emulation::new(order, 2)?))
}

/// Steps that are recorded once, each with a batch that was sent during the step before.
fn steps(device: &Device) -> Result<Vec<f32>> {
    let mut state = DeviceBuffer::from_slice(device, &[0.0; 5])?;
    let mut batch = DeviceBuffer::<f32>::new(device, 5)?;
    let (graph, ()) = device.record(|| {
        map_in_place(&mut state, Map::Scale(0.5))?;
        zip_in_place(&mut state, &batch, Zip::Add)
    })?;
    let mut feed = Feed::new(device, 5)?;
    let number = |step: usize, i: usize| (10 * step + i) as f32;
    let fill = |step| {
        move |values: &mut [f32]| {
            values.iter_mut().enumerate().for_each(|(i, value)| *value = number(step, i));
            Ok::<(), Error>(())
        }
    };
    feed.send(fill(0))?;
    for step in 0..6 {
        feed.take(&mut batch)?;
        graph.replay()?;
        feed.send(fill(step + 1))?;
    }
    state.to_vec()
}

#[test]
fn each_step_gets_its_own_batch() {
    let expected: Vec<f32> =
        (0..5).map(|i| (0..6).fold(0.0, |state, step| 0.5 * state + (10 * step + i) as f32)).collect();
    for order in ORDERS {
        let Some(driver) = emulation(order) else { return };
        let device = Device::new(driver);
        assert_eq!(steps(&device).unwrap(), expected, "{order:?}");
        device.trim();
        device.synchronise().unwrap();
    }
    if is_driver_present() {
        assert_eq!(steps(&Device::card(0).unwrap()).unwrap(), expected);
    }
}

#[test]
fn what_fails_to_be_filled_is_not_sent() {
    let Some(driver) = emulation(Order::Forwards) else { return };
    let device = Device::new(driver);
    let mut feed = Feed::<u32>::new(&device, 2).unwrap();
    let trouble = Error::Call { call: "reading".into(), message: "no picture".into() };
    assert_eq!(feed.send(|_| Err(trouble.clone())), Err(trouble));
    feed.send(|values| {
        values.copy_from_slice(&[3, 4]);
        Ok::<(), Error>(())
    })
    .unwrap();
    let mut batch = DeviceBuffer::new(&device, 2).unwrap();
    let recorded = device.record(|| feed.take(&mut batch));
    assert!(recorded.err().unwrap().to_string().contains("not possible while a step is recorded"));
    feed.take(&mut batch).unwrap();
    assert_eq!(batch.to_vec().unwrap(), [3, 4]);
}

/// What a batch reads where one of the waits is left out.
fn received(driver: &dyn Driver, left_out: Wait) -> [u8; 2] {
    let (sent, taken) = (driver.event().unwrap(), driver.event().unwrap());
    let (pinned, [arrival, batch]) =
        (driver.pin(1).unwrap(), [driver.allocate(1).unwrap(), driver.allocate(1).unwrap()]);
    let mut results = [0; 2];
    // SAFETY: all of it is alive, of one byte, and given back when everything is done.
    unsafe {
        driver.upload(&[0], arrival).unwrap();
        driver.upload(&[0], batch).unwrap();
        // What is uploaded beside the work must not come before.
        driver.synchronise().unwrap();
        let send = |value: u8| {
            if left_out != Wait::OfTheHost {
                driver.wait(sent).unwrap();
            }
            pinned.write(value);
            if left_out != Wait::OfTheUpload {
                driver.follow(taken, Lane::Uploads).unwrap();
            }
            driver.upload_beside(pinned, 1, arrival).unwrap();
            driver.mark(sent, Lane::Uploads).unwrap();
        };
        let take = || {
            if left_out != Wait::OfTheStep {
                driver.follow(sent, Lane::Work).unwrap();
            }
            driver.copy(arrival, batch, 1).unwrap();
            driver.mark(taken, Lane::Work).unwrap();
        };
        send(1);
        // The host goes on with the next batch before the first was taken, as no feed does.
        if left_out != Wait::OfTheHost {
            driver.wait(sent).unwrap();
        }
        pinned.write(9);
        take();
        send(2);
        driver.download(batch, &mut results[..1]).unwrap();
        take();
        driver.download(batch, &mut results[1..]).unwrap();
        driver.synchronise().unwrap();
        driver.unpin(pinned, 1);
        driver.release(arrival, 1);
        driver.release(batch, 1);
    }
    results
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    None,
    OfTheHost,
    OfTheUpload,
    OfTheStep,
}

#[test]
fn the_emulation_tells_every_wait_that_is_left_out() {
    for wait in [Wait::None, Wait::OfTheHost, Wait::OfTheUpload, Wait::OfTheStep] {
        let Some(cards) = ORDERS.map(emulation).into_iter().collect::<Option<Vec<_>>>() else { return };
        let found: Vec<[u8; 2]> = cards.iter().map(|card| received(&**card, wait)).collect();
        assert_eq!(found.iter().all(|batches| *batches == [1, 2]), wait == Wait::None, "{wait:?}: {found:?}");
    }
}

#[test]
fn a_card_waits_where_it_is_told_to() {
    if is_driver_present() {
        assert_eq!(received(&Card::open(0).unwrap(), Wait::None), [1, 2]);
    }
}
