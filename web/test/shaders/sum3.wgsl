// sum3(x: *i32, y: *i32, out: *i32, n: i32)
// out = x + y, each array of another kind; element by element, so that any may be the same.
@group(0) @binding(0) var<uniform> params: array<vec4u, 3>;
@group(0) @binding(1) var<storage, read_write> x: array<vec4u>;
fn x_get(i: u32) -> u32 { return x[i >> 2u][i & 3u]; }
fn x_get4(i: u32) -> vec4u { return x[i >> 2u]; }
@group(0) @binding(2) var<storage, read_write> x_y: array<u32>;
fn x_y_get(i: u32) -> u32 { return x_y[i]; }
@group(0) @binding(3) var<storage, read_write> out: array<atomic<u32>>;
fn out_get(i: u32) -> u32 { return atomicLoad(&out[i]); }
fn out_put(i: u32, v: u32) { atomicStore(&out[i], v); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    let i = p * 64u + thread;
    if (i < params[2].z) { out_put(params[2].x / 4u + i, x_get(params[1].x / 4u + i) + x_y_get(params[1].z / 4u + i)); }
  }
}
