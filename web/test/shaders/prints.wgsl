// prints(values: *i64, each: i32)
// report
// sites: [{"kind": "print", "text": " i: ", "value": "i64", "shape": [2, 16]}, {"kind": "print", "text": " u: ", "value": "u64", "shape": []}, {"kind": "print", "text": " h: ", "value": "hex64", "shape": []}, {"kind": "print", "text": " f: ", "value": "f64", "shape": []}, {"kind": "print", "text": " p: ", "value": "ptr", "shape": []}, {"kind": "print", "text": " done"}, {"kind": "print", "text": " then: ", "value": "u64", "shape": [4]}]
// Prints five values, the first at the element that the second says, and a text; then `each` times a number a thread.
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
      for (var site = 0u; site < 6u; site += 1u) {
        let words = select(select(6u, 4u, site == 5u), 7u, site == 0u);
        let at = room(words);
        if (at > 0u) {
          record(at, site, p, 0u, 0u);
          for (var k = 4u; k < words; k += 1u) { atomicStore(&report[at + k], values_ptr_get(params[1].x / 4u + 2u * site + k - 4u)); }
        }
      }
    }
    for (var k = 0u; k < params[1].z; k += 1u) {
      let at = room(7u);
      if (at > 0u) {
        record(at, 6u, p, 1u + k, thread);
        atomicStore(&report[at + 4u], k * 10u + thread);
        atomicStore(&report[at + 5u], 0u);
        atomicStore(&report[at + 6u], thread);
      }
    }
  }
}
