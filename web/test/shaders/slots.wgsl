// slots(out: *u32, b: i1, c: i8, s: i16, i: i32, l: i64, v: u8, w: u16, u: u32, h: fp16, g: bf16, e: fp8e4nv, f: fp32, z: u64)
// The words of numbers of every type.
@group(0) @binding(0) var<uniform> params: array<vec4u, 8>;
@group(0) @binding(1) var<storage, read_write> out_ptr: array<u32>;
fn out_ptr_put(i: u32, v: u32) { out_ptr[i] = v; }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    for (var k = 0u; k < 26u; k += 1u) { out_ptr_put(params[1].x / 4u + k, params[(k + 6u) >> 2u][(k + 6u) & 3u]); }
  }
}
