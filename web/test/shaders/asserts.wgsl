// asserts(which: i32)
// report
// sites: [{"kind": "assert", "text": "x must be positive", "file": "k.py", "line": 12}]
// Programs from `which` on fail.
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> report: array<atomic<u32>>;

@compute @workgroup_size(2)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    if (p >= params[1].x) {
      let at = 1u + atomicAdd(&report[0], 4u);
      if (at + 4u <= arrayLength(&report)) {
        atomicStore(&report[at], 0u);
        atomicStore(&report[at + 1u], p);
        atomicStore(&report[at + 2u], 0u);
        atomicStore(&report[at + 3u], thread);
      }
    }
  }
}
