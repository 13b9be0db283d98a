// scratch(out: *i32)
// scratch=4096
// Each workgroup writes its number all over its scratch memory and finds it there.
@group(0) @binding(0) var<uniform> params: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> out_ptr: array<u32>;
fn out_ptr_get(i: u32) -> u32 { return out_ptr[i]; }
fn out_ptr_put(i: u32, v: u32) { out_ptr[i] = v; }
@group(0) @binding(2) var<storage, read_write> scratch: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let programs = params[0].x * params[0].y * params[0].z;
  for (var p = group.x; p < programs; p += groups.x) {
    let base = group.x * 1024u;
    for (var k = thread; k < 1024u; k += 64u) { scratch[base + k] = p + k; }
    storageBarrier();
    if (thread == 0u) {
      var good = 1u;
      for (var k = 0u; k < 1024u; k += 1u) { if (scratch[base + k] != p + k) { good = 0u; } }
      out_ptr_put(params[1].x / 4u + p, out_ptr_get(params[1].x / 4u + p) + good);
    }
    storageBarrier();
  }
}
