// limits={"maxComputeInvocationsPerWorkgroup": 1000000}
// No device has so many threads.
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> out_ptr: array<u32>;
fn out_ptr_put(i: u32, v: u32) { out_ptr[i] = v; }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    out_ptr_put(params[1].x / 4u, 3u);
  }
}
