//! How apps scale. One program: most of these tests wait most of their time, and do so together.

mod cpu;
mod least_busy;
mod schedule;
mod settings;
mod spike;
