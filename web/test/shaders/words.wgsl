// words(x: *i32, y: *i32, out: *u32, n: i64)
// What the parameter block has.
@group(0) @binding(0) var<uniform> params: array<vec4u, 3>;
@group(0) @binding(1) var<storage, read_write> out_ptr: array<u32>;
fn out_ptr_put(i: u32, v: u32) { out_ptr[i] = v; }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    for (var k = 0u; k < 12u; k += 1u) { out_ptr_put(params[2].x / 4u + k, params[k >> 2u][k & 3u]); }
  }
}
