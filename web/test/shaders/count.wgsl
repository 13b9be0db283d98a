// count(out: *i32, rounds: i32)
// Counts the programs, each in its own element and all in the one after; `rounds` makes it take longer.
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> out_ptr: array<atomic<u32>>;
fn out_ptr_get(i: u32) -> u32 { return atomicLoad(&out_ptr[i]); }
fn out_ptr_put(i: u32, v: u32) { atomicStore(&out_ptr[i], v); }
fn out_ptr_add(i: u32, v: u32) -> u32 { return atomicAdd(&out_ptr[i], v); }

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    let base = params[1].x / 4u;
    var x = p;
    for (var k = 0u; k < params[1].z; k += 1u) { x = x * 1664525u + 1013904223u; }
    _ = out_ptr_add(base + p, 1u + select(0u, 1u, x == 0u && params[1].z > 0u && p == 4294967295u));
    _ = out_ptr_add(base + programs, 1u);
  }
}
