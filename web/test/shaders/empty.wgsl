// empty()
// Does nothing.
@group(0) @binding(0) var<uniform> params: array<vec4u, 1>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    _ = p;
  }
}
