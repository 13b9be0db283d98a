// prints(values: *i64, each: i32)
// report
// sites: [{"kind": "print", "text": "x:", "values": ["i64", "u64", "hex", "f64", "ptr"]}, {"kind": "print", "text": "then", "values": ["u64"]}]
// Prints five values, and `each` times a number a thread.
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> values_ptr: array<u32>;
fn values_ptr_get(i: u32) -> u32 { return values_ptr[i]; }
@group(0) @binding(2) var<storage, read_write> report: array<atomic<u32>>;

fn room(words: u32) -> u32 {
  let at = 1u + atomicAdd(&report[0], words);
  return select(0u, at, at + words <= arrayLength(&report));
}
fn record(at: u32, site: u32, program: u32, epoch: u32, element: u32) {
  atomicStore(&report[at], site);
  atomicStore(&report[at + 1u], program);
  atomicStore(&report[at + 2u], epoch);
  atomicStore(&report[at + 3u], element);
}
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    if (thread == 0u) {
      let at = room(14u);
      if (at > 0u) {
        record(at, 0u, p, 0u, 0u);
        for (var k = 0u; k < 10u; k += 1u) { atomicStore(&report[at + 4u + k], values_ptr_get(params[1].x / 4u + k)); }
      }
    }
    for (var k = 0u; k < params[1].z; k += 1u) {
      let at = room(6u);
      if (at > 0u) {
        record(at, 1u, p, 1u + k, thread);
        atomicStore(&report[at + 4u], k * 10u + thread);
        atomicStore(&report[at + 5u], 0u);
      }
    }
  }
}
