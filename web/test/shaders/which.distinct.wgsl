// aliases=false
// What ran: 1 where arrays must not lie in one another, 2 where they may.
@group(0) @binding(0) var<uniform> params: array<vec4u, 3>;
@group(0) @binding(1) var<storage, read_write> x: array<u32>;
fn x_get(i: u32) -> u32 { return x[i]; }
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
fn y_get(i: u32) -> u32 { return y[i]; }
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
fn out_put(i: u32, v: u32) { out[i] = v; }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  if (group.x == 0u) { out_put(params[2].x / 4u, 1u + 0u * (x_get(0u) + y_get(0u))); }
}
