// `peerhold attach`: makes stdin and stdout the app of a session. Called by main.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <memory>

#include "cli/client.hpp"
#include "cli/commands.hpp"

namespace peerhold::cli {
namespace {

// One direction: what was read and waits to be written. Its source is read again only when all of
// it has been written, so that a slow reader pauses the sender.
struct Direction {
  int from = -1, to = -1;
  std::size_t most = 0;  // bytes in one write
  std::array<char, 65536> bytes;
  std::size_t begin = 0, end = 0;
  bool open = true;
  int error = 0;

  bool waits() const { return begin < end; }
  int wanted_fd() const { return waits() ? to : from; }
  short wanted() const { return waits() ? POLLOUT : POLLIN; }

  void step() {
    const ssize_t n = waits() ? ::write(to, bytes.data() + begin, std::min(most, end - begin))
                              : ::read(from, bytes.data(), bytes.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (waits()) {
      if (n < 0) {
        error = errno;
        open = false;
      } else {
        begin += static_cast<std::size_t>(n);
      }
      return;
    }
    if (n < 0) error = errno;
    open = n > 0;
    begin = 0;
    end = n > 0 ? static_cast<std::size_t>(n) : 0;
  }
};

int relay(int socket, std::string_view first) {
  auto in = std::make_unique<Direction>(), out = std::make_unique<Direction>();
  in->from = STDIN_FILENO, in->to = socket, in->most = in->bytes.size();
  // A pipe that is ready has room for so much; more would block, and with it the other direction.
  out->from = socket, out->to = STDOUT_FILENO, out->most = PIPE_BUF;
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  if (!print(first)) return ok;
  while (out->open) {
    std::array<pollfd, 2> p{
        {{out->wanted_fd(), out->wanted(), 0}, {in->open ? in->wanted_fd() : -1, in->wanted(), 0}}};
    if (::poll(p.data(), p.size(), -1) < 0) {
      if (errno == EINTR) continue;
      complain(std::string("cannot wait: ") + std::strerror(errno));
      return failed;
    }
    if (p[1].revents != 0) {
      in->step();
      if (!in->open) ::shutdown(socket, SHUT_WR);  // the rest of the answer may still come
    }
    if (p[0].revents != 0) out->step();
  }
  if (out->error == 0 || out->error == EPIPE) return ok;
  complain(std::string("the stream ended: ") + std::strerror(out->error));
  return failed;
}

int run_attach(const Arguments& arguments) {
  Request request;
  request.verb = Verb::attach;
  request.name = arguments.name();
  std::optional<Client> client;
  if (const int code = start_with_keeper(arguments, request, client); code != ok) return code;
  std::signal(SIGPIPE, SIG_IGN);
  return relay(client->fd(), client->take_rest());
}

}  // namespace

Command attach_command() {
  return {"attach",
          "NAME",
          "connects stdin and stdout to a session as its app",
          "The end of stdin is shown to the session as a half-close; the command ends when the\n"
          "session ends the stream.\n\n"
          "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses or the stream broke.\n\n"
          "Examples:\n"
          "  peerhold attach console\n"
          "  echo 'show version' | peerhold attach router-cli",
          {},
          1,
          1,
          run_attach};
}

}  // namespace peerhold::cli
