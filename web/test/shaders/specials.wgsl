// specials(bits: *i32)
// Whether it was told that NaN and infinities are what they should be; and, if so, the larger of a NaN and of what is there.
override ieee: bool = false;
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> bits_ptr: array<u32>;
fn bits_ptr_put(i: u32, v: u32) { bits_ptr[i] = v; }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = params[1].x / 4u;
  let number = bitcast<f32>(bits_ptr[first + 1u]);
  bits_ptr_put(first + 2u, select(bits_ptr[first + 1u], bitcast<u32>(max(bitcast<f32>(bits_ptr[first]), number)), ieee));
  bits_ptr_put(first, select(0u, 1u, ieee));
}
