//! Counts the words of the files it is given, or of standard input.
const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const io = init.io;
    var out_buffer: [1024]u8 = undefined;
    var stdout = std.Io.File.stdout().writer(io, &out_buffer);
    const out = &stdout.interface;

    const args = try init.minimal.args.toSlice(init.arena.allocator());
    if (args.len < 2) {
        try out.print("{d}\n", .{try count(io, std.Io.File.stdin())});
    }
    for (args[@min(1, args.len)..]) |name| {
        const file = try std.Io.Dir.cwd().openFile(io, name, .{});
        defer file.close(io);
        try out.print("{d} {s}\n", .{ try count(io, file), name });
    }
    try out.flush();
}

fn count(io: std.Io, file: std.Io.File) !usize {
    var buffer: [4096]u8 = undefined;
    var reader = file.reader(io, &buffer);
    var words: usize = 0;
    var inside = false;
    while (reader.interface.takeByte()) |byte| {
        const is_space = std.ascii.isWhitespace(byte);
        if (inside and is_space) words += 1;
        inside = !is_space;
    } else |err| if (err != error.EndOfStream) return err;
    return if (inside) words + 1 else words;
}
