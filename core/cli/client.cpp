// Owns a connection to a keeper's control socket (control/protocol.hpp). Used by every subcommand
// that asks a running keeper something.
#include "cli/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "control/socket.hpp"

namespace peerhold::cli {
namespace {

// A status of 10,000 sessions is some 10 MiB; a stranger behind the socket must not fill our
// memory.
constexpr std::size_t max_line = std::size_t{256} << 20;

}  // namespace

Result<Client> Client::connect(const std::string& path) {
  auto fd = connect_control_socket(path);
  if (fd) return Client(*std::move(fd));
  Error error = std::move(fd).error();
  const int code = error.code;
  error.text = (code == EACCES ? "may not ask the keeper: " : "no keeper answers: ") + error.text;
  if (code == ENOENT || code == ECONNREFUSED)
    error.text += "; is it running, and is this its control socket (--control, $PEERHOLD_CONTROL)?";
  if (code == EACCES)
    error.text += "; become root, the keeper's user, or a member of its control_group";
  return error;
}

Result<Answer> Client::ask(const Request& request, Milliseconds patience) {
  const std::string line = render(request);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;  // a keeper that refuses may have answered already
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  auto answer = read_line(std::chrono::steady_clock::now() + patience);
  if (!answer) return std::move(answer).error();
  return parse_answer(*answer);
}

std::string Client::next_line() {
  auto line = read_line({});
  return line ? *std::move(line) : std::string();
}

Result<std::string> Client::read_line(std::optional<SteadyTime> until) {
  std::size_t searched = 0;
  for (;;) {
    const auto newline = in_.find('\n', searched);
    if (newline != std::string::npos) {
      std::string line = in_.substr(0, newline);
      in_.erase(0, newline + 1);
      return line;
    }
    searched = in_.size();
    if (in_.size() > max_line) return Error{"the answer on the control socket has no end"};
    int wait = -1;
    if (until) {
      const auto left =
          std::chrono::duration_cast<Milliseconds>(*until - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        return Error{"no keeper answers: something listens on the control socket but says nothing",
                     ETIMEDOUT};
      wait = static_cast<int>(left.count());
    }
    pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, wait) <= 0) continue;
    std::array<char, 65536> chunk;
    const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error{"no keeper answers: it closed the control connection", ECONNRESET};
    in_.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

int exit_of(const Answer& answer) {
  if (answer.code == to_string(Refusal::no_session) || answer.code == to_string(Refusal::no_such))
    return no_such;
  if (answer.code == to_string(Refusal::bad_config) ||
      answer.code == to_string(Refusal::bad_request))
    return usage;
  return failed;
}

int start_with_keeper(const Arguments& arguments, const Request& request,
                      std::optional<Client>& client) {
  auto connected = Client::connect(arguments.control);
  if (!connected) {
    complain(connected.error().text);
    return no_keeper;
  }
  client.emplace(*std::move(connected));
  const auto answer = client->ask(request);
  if (!answer) {
    complain(answer.error().text);
    return no_keeper;
  }
  if (answer->ok) return ok;
  complain(answer->text);
  return exit_of(*answer);
}

int ask_keeper(const Arguments& arguments, const Request& request, std::string& answer_json,
               Milliseconds patience) {
  auto client = Client::connect(arguments.control);
  if (!client) {
    complain(client.error().text);
    return no_keeper;
  }
  auto answer = client->ask(request, patience);
  if (!answer) {
    complain(answer.error().text);
    return no_keeper;
  }
  answer_json = std::move(answer->json);
  if (answer->ok) return ok;
  complain(answer->text);
  return exit_of(*answer);
}

}  // namespace peerhold::cli
