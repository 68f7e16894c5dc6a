// Owns one control connection (caller.hpp). A request is peeked at first, so that nothing behind
// its newline is taken: after `attach` those bytes belong to the session.
#include "control/caller.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "control/json.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds patience{10000};
constexpr std::size_t max_backlog = 256 * 1024;
constexpr std::size_t large_answer = 8 * 1024;
// Each looks at the wire, and may dial.
constexpr std::size_t most_examinations = 4;

Event keeper_event(const KeeperStatus& k) {
  Event e;
  e.time = std::chrono::system_clock::now();
  e.kind = EventKind::keeper;
  e.to = k.draining ? "draining" : k.ready ? "ready" : "starting";
  e.text = std::to_string(k.established) + " of " + std::to_string(k.sessions) +
           (k.sessions == 1 ? " session" : " sessions") + " established";
  return e;
}

}  // namespace

std::unique_ptr<Caller> Caller::open(ControlServer::State& server, Fd fd, PeerUser user,
                                     Access access) {
  std::unique_ptr<Caller> made(new Caller(server, std::move(fd), std::move(user), access));
  auto poll = Poll::open(server.loop, made->fd_.get(), made.get(), Poll::readable);
  if (!poll) return nullptr;
  made->poll_ = *std::move(poll);
  made->deadline_.start(patience);
  return made;
}

Caller::Caller(ControlServer::State& server, Fd fd, PeerUser user, Access access)
    : server_(server),
      fd_(std::move(fd)),
      user_(std::move(user)),
      access_(access),
      deadline_(server.loop, [this] { server_.remove(this); }) {}

Caller::~Caller() {
  if (subscription_) server_.keeper.unsubscribe(*subscription_);
  if (examination_) --server_.examinations;
  poll_.close();
}

void Caller::ready(unsigned events, bool broken) {
  bool alive = true;
  if (events & Poll::readable || broken) {
    if (phase_ == Phase::request) {
      alive = read_request();
    } else if (hung_up()) {
      alive = false;
    } else {
      // Whatever else it says is not read. A FIN alone (`… | nc -N`) does not end its answer, but
      // it stays readable for ever: from here on only errors are waited for.
      poll_.want(out_.empty() ? Poll::errors : Poll::writable);
    }
  }
  if (alive && !broken && phase_ != Phase::request) alive = flush();
  if (!alive || broken) server_.remove(this);  // destroys this
}

bool Caller::hung_up() const {
  pollfd p{fd_.get(), 0, 0};
  return ::poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

bool Caller::read_request() {
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return !in_.empty() && handle(in_);  // a line without its newline will do
    const auto end = chunk.begin() + n;
    const auto newline = std::find(chunk.begin(), end, '\n');
    const bool whole = newline != end;
    const auto take = static_cast<std::size_t>(newline - chunk.begin()) + (whole ? 1 : 0);
    if (::recv(fd_.get(), chunk.data(), take, MSG_DONTWAIT) != static_cast<ssize_t>(take))
      return false;
    in_.append(chunk.data(), take - (whole ? 1 : 0));
    if (in_.size() >= max_request) {
      finish_with(refusal_line(Refusal::bad_request, "a request is at most 64 KiB long"));
      return true;
    }
    if (whole) return handle(in_);
  }
}

bool Caller::handle(const std::string& line) {
  const auto request = parse_request(line);
  if (!request) {
    finish_with(refusal_line(Refusal::bad_request, request.error().text));
  } else if (access_ == Access::none || (access_ == Access::look && !only_looks(request->verb))) {
    const std::string who = "user id " + std::to_string(user_.uid);
    const std::string& group = server_.control_name;
    server_.refused(user_, to_string(request->verb));
    finish_with(refusal_line(Refusal::denied,
                             access_ == Access::look
                                 ? who + " may only look (control_read_group): " +
                                       std::string(to_string(request->verb)) +
                                       " needs root, the keeper's own user" +
                                       (group.empty() ? "" : ", or membership of group " + group)
                                 : who + " may not talk to this keeper: only root, its own user" +
                                       (group.empty() ? "" : ", and members of group " + group) +
                                       "; become one of those"));
  } else if (request->verb == Verb::attach) {
    return attach(*request);
  } else if (request->verb == Verb::watch) {
    watch(*request);
  } else if (request->verb == Verb::doctor) {
    examine(*request);
  } else {
    finish_with(carry_out(server_, *request, user_));
  }
  in_ = {};
  return true;
}

// The session has the socket from here on, and sends the answer first, or gives it back with its
// reason. False: nothing of this caller is left.
bool Caller::attach(const Request& request) {
  if (request.name.empty() || !server_.keeper.has(request.name)) {
    finish_with(refusal_line(Refusal::no_session, server_.keeper.no_session(request.name)));
    return true;
  }
  poll_.close();  // the session's from here on, if it takes it
  const auto attached = server_.keeper.attach(request.name, fd_, answer_line("{}"));
  server_.keeper.note_operator(request.name, "attach", user_.uid, user_.pid,
                               attached ? "" : attached.error().text);
  if (!attached && fd_) {
    const std::string line = refusal_line(Refusal::failed, attached.error().text);
    (void)!::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else if (!attached) {
    server_.log.line(Level::warn, "control-attach", {{"session", request.name}},
                     attached.error().text);
  }
  return false;
}

void Caller::watch(const Request& request) {
  if (!request.name.empty() && !server_.keeper.has(request.name)) {
    finish_with(refusal_line(Refusal::no_session, server_.keeper.no_session(request.name)));
    return;
  }
  phase_ = Phase::watching;
  deadline_.stop();
  only_ = request.name;
  push(answer_line("{}"));
  push(event_json(keeper_event(server_.keeper.status())) + "\n");
  subscription_ = server_.keeper.subscribe([this](const Event& e) { on_event(e); });
}

void Caller::examine(const Request& request) {
  if (!request.name.empty() && !server_.keeper.has(request.name)) {
    finish_with(refusal_line(Refusal::no_session, server_.keeper.no_session(request.name)));
    return;
  }
  if (server_.examinations >= most_examinations) {
    finish_with(refusal_line(Refusal::busy, "other doctors are at work; ask again in a moment"));
    return;
  }
  phase_ = Phase::working;
  ++server_.examinations;
  examination_ = server_.keeper.examine(request.name, [this](const Diagnosis& diagnosis) {
    examination_.reset();
    --server_.examinations;
    finish_with(answer_line(diagnosis_json(diagnosis)));
  });
}

// Runs inside whatever raised the event: nothing is destroyed here.
void Caller::on_event(const Event& e) {
  if (phase_ != Phase::watching) return;
  // The dynamic children of a prefix session bear its name and '@'.
  if (!only_.empty() && !e.session.empty() && e.session != only_ &&
      e.session.compare(0, only_.size() + 1, only_ + "@") != 0)
    return;
  std::string line = event_json(e) + "\n";
  if (out_.size() + line.size() <= max_backlog) {
    push(std::move(line));
    return;
  }
  Event last = keeper_event(server_.keeper.status());
  last.cause = "slow-watcher";
  last.text = "events were not read fast enough: this watch ends here; start it again";
  finish_with(event_json(last) + "\n");
}

void Caller::push(std::string line) {
  out_ += line;
  if (out_.size() == line.size()) flush();
}

void Caller::finish_with(std::string line) {
  phase_ = Phase::ending;
  large_ = line.size() > large_answer;
  deadline_.start(patience);
  push(std::move(line));
  // Ends in ready(), never here: this may run inside an event.
  poll_.want(Poll::writable);
}

// False when there is nothing more to do on this connection.
bool Caller::flush() {
  while (!out_.empty()) {
    const ssize_t n = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      out_.clear();
      phase_ = Phase::ending;
      break;
    }
    if (n < 0) {
      poll_.want(Poll::writable);
      return true;
    }
    out_.erase(0, static_cast<std::size_t>(n));
  }
  if (phase_ == Phase::watching && poll_.wanted() == Poll::writable) poll_.want(Poll::readable);
  if (phase_ == Phase::ending) poll_.want(Poll::writable);
  return phase_ != Phase::ending;
}

}  // namespace peerhold
