// axpy(x: *fp32, y: *fp32, n: i32, a: fp32)
// y += a x, 256 elements a program.
@group(0) @binding(0) var<uniform> params: array<vec4u, 3>;
@group(0) @binding(1) var<storage, read_write> x_ptr: array<vec4u>;
fn x_ptr_get(i: u32) -> u32 { return x_ptr[i >> 2u][i & 3u]; }
fn x_ptr_get4(i: u32) -> vec4u { return x_ptr[i >> 2u]; }
@group(0) @binding(2) var<storage, read_write> y_ptr: array<u32>;
fn y_ptr_get(i: u32) -> u32 { return y_ptr[i]; }
fn y_ptr_put(i: u32, v: u32) { y_ptr[i] = v; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    for (var k = 0u; k < 4u; k += 1u) {
      let i = p * 256u + thread * 4u + k;
      if (i32(i) < bitcast<i32>(params[2].x)) {
        let x = bitcast<f32>(x_ptr_get(params[1].x / 4u + i));
        let at = params[1].z / 4u + i;
        y_ptr_put(at, bitcast<u32>(bitcast<f32>(y_ptr_get(at)) + bitcast<f32>(params[2].z) * x));
      }
    }
  }
}
