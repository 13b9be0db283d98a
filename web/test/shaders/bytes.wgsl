// bytes(x: *i8, out: *i8, n: i32)
// out = x + 1, a byte a thread: neighbours in a word must both stay.
@group(0) @binding(0) var<uniform> params: array<vec4u, 3>;
@group(0) @binding(1) var<storage, read_write> x_ptr: array<u32>;
fn x_ptr_get(i: u32) -> u32 { return x_ptr[i]; }
@group(0) @binding(2) var<storage, read_write> out_ptr: array<atomic<u32>>;
fn out_ptr_get(i: u32) -> u32 { return atomicLoad(&out_ptr[i]); }
fn out_ptr_and(i: u32, v: u32) -> u32 { return atomicAnd(&out_ptr[i], v); }
fn out_ptr_or(i: u32, v: u32) -> u32 { return atomicOr(&out_ptr[i], v); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    let i = p * 64u + thread;
    if (i < params[2].x) {
      let source = params[1].x + i;
      let target_ = params[1].z + i;
      let v = ((x_ptr_get(source >> 2u) >> (8u * (source & 3u))) + 1u) & 255u;
      _ = out_ptr_and(target_ >> 2u, ~(255u << (8u * (target_ & 3u))));
      _ = out_ptr_or(target_ >> 2u, v << (8u * (target_ & 3u)));
    }
  }
}
