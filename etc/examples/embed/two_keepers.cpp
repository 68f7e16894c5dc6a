// Two keepers in one program, on one libuv loop of its own: "near" dials "far" from one loopback
// address to another, signed with TCP-MD5, and what the program writes to near's app comes out at
// far's.
//
//   c++ -std=c++20 two_keepers.cpp $(pkg-config --cflags --libs libpeerhold) -o two_keepers
//   ./two_keepers /usr/lib/peerhold/plugins
#include <sys/socket.h>
#include <uv.h>
#include <peerhold/keeper.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace {

constexpr const char* chain = R"(
[[keychain.pair.key]]
id = 1
secret = "correct horse battery staple"

[[session]]
plugin = "raw"
link = "persistent"
keychain = "pair"
)";
const std::string near_text = std::string(chain) + R"(
name = "near"
mode = "active"
peer = "127.0.0.3:17900"
source = "127.0.0.2"
)";
const std::string far_text = std::string(chain) + R"(
name = "far"
mode = "passive"
peer = "127.0.0.2"
source = "127.0.0.3:17900"
)";
constexpr std::string_view words = "over a signed link and back";

// One keeper and the program's end of its app connection.
struct Side {
  const char* name;
  std::unique_ptr<peerhold::embed::Keeper> keeper;
  uv_pipe_t app;
  bool up = false;
  std::string got;
};

struct Program {
  uv_loop_t loop;
  uv_timer_t limit;
  Side near{"near"}, far{"far"};
  int code = 1;
};

Program program;

void write(Side& side, std::string_view text) {
  uv_buf_t bytes = uv_buf_init(const_cast<char*>(text.data()), static_cast<unsigned>(text.size()));
  uv_stream_t* app = reinterpret_cast<uv_stream_t*>(&side.app);
  if (uv_try_write(app, &bytes, 1) < 0) std::fprintf(stderr, "cannot write at %s\n", side.name);
}

void finish(int code) {
  program.code = code;
  uv_close(reinterpret_cast<uv_handle_t*>(&program.limit), nullptr);
  for (Side* side : {&program.near, &program.far}) {
    if (side->up) uv_close(reinterpret_cast<uv_handle_t*>(&side->app), nullptr);
    // A keeper may be destroyed once stop() has called back; the loop ends when both are gone.
    side->keeper->stop([side] { side->keeper.reset(); });
  }
}

void hear(uv_stream_t* stream, ssize_t n, const uv_buf_t* bytes) {
  Side& side = *static_cast<Side*>(stream->data);
  if (n <= 0) {
    if (n < 0) std::fprintf(stderr, "%s ended its app: %s\n", side.name, uv_strerror(int(n)));
    return;
  }
  side.got.append(bytes->base, static_cast<std::size_t>(n));
  if (side.got != words) return;
  std::printf("%s heard: %s\n", side.name, side.got.c_str());
  if (&side == &program.far)
    write(side, words);
  else
    finish(0);
}

void give_room(uv_handle_t*, std::size_t, uv_buf_t* out) {
  static char room[4096];
  *out = uv_buf_init(room, sizeof room);
}

// The keeper gets one end of a socket pair as the session's app, this program keeps the other.
void attach(Side& side) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  uv_pipe_init(&program.loop, &side.app, 0);
  uv_pipe_open(&side.app, ends[0]);
  side.app.data = &side;
  uv_read_start(reinterpret_cast<uv_stream_t*>(&side.app), give_room, hear);
  const std::string error = side.keeper->attach(side.name, ends[1]);
  if (!error.empty()) std::fprintf(stderr, "%s\n", error.c_str());
}

bool make(Side& side, const std::string& text, const std::string& plugin_dir) {
  peerhold::embed::Options options;
  options.plugin_dirs = {plugin_dir};
  options.log = [&side](const std::string& line) {
    std::printf("%s: %s\n", side.name, line.c_str());
  };
  auto made = peerhold::embed::Keeper::from_toml(&program.loop, text, options);
  for (const std::string& error : made.errors) std::fprintf(stderr, "%s\n", error.c_str());
  side.keeper = std::move(made.keeper);
  if (!side.keeper) return false;
  side.keeper->subscribe([&side](const peerhold::embed::Event& event) {
    if (event.kind != "state" || event.to != "established" || side.up) return;
    side.up = true;
    attach(side);
    if (program.near.up && program.far.up) write(program.near, words);
  });
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: two_keepers PLUGIN_DIRECTORY\n");
    return 2;
  }
  uv_loop_init(&program.loop);
  bool made = make(program.near, near_text, argv[1]);
  made = made && make(program.far, far_text, argv[1]);
  if (made) {
    uv_timer_init(&program.loop, &program.limit);
    uv_timer_start(
        &program.limit,
        [](uv_timer_t*) {
          std::fprintf(stderr, "nothing came through in 20 s\n%s\n%s\n",
                       program.near.keeper->status().c_str(), program.far.keeper->status().c_str());
          finish(1);
        },
        20000, 0);
    program.far.keeper->start();
    program.near.keeper->start();
  }
  if (!made) program.near.keeper.reset();
  uv_run(&program.loop, UV_RUN_DEFAULT);
  // Everything that was opened on the loop has been closed, the keepers' handles included.
  if (uv_loop_close(&program.loop) != 0) {
    std::fprintf(stderr, "something is still open on the loop\n");
    return 1;
  }
  return program.code;
}
