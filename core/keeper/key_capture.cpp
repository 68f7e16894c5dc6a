// KeyCapture: owned by the KeyWatch. What it sees is anybody's bytes; what it concludes is judged
// by auth/window (may it be a repetition?) and auth/follower (does the peer still answer?).
#include "keeper/key_capture.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "session/session.hpp"

namespace peerhold {
namespace {

constexpr int resting_room = 64 << 10, quick_room = 1 << 20;  // of the queue in the kernel
constexpr int segments_a_look = 1024;
constexpr int digests_a_look = 128;  // of SYNs, and of the rest; some 2 µs each
constexpr unsigned segments_a_link = 4;

// Of one socket for ever.
std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
  return cookie;
}

}  // namespace

KeyCapture::KeyCapture(Loop& loop, Log& log) : loop_(loop), log_(log) {}

void KeyCapture::watch(const std::vector<Session*>& sessions) {
  std::map<std::uint64_t, Window> known;  // by cookie: addresses and descriptors come again
  if (std::exchange(changed_, false) || sessions != sessions_) {
    sessions_ = sessions;
    for (const auto& [ends, eye] : eyes_) known.emplace(eye.cookie, eye.window);
    eyes_.clear();
    generations_.clear();
    reopen();
  }
  for (Session* session : sessions_) {
    if (!session->keys().follows()) continue;
    const unsigned now = session->keys().generation();
    const auto [last, made] = generations_.emplace(session, now);
    if (!made && std::exchange(last->second, now) == now) continue;
    for (auto it = eyes_.begin(); it != eyes_.end();) {
      if (it->second.session == session) known.emplace(it->second.cookie, it->second.window);
      it = it->second.session == session ? eyes_.erase(it) : std::next(it);
    }
    session->each_peer_socket([&](int fd) {
      const std::uint64_t cookie = cookie_of(fd);
      eyes_.emplace(Ends{local_endpoint(fd), remote_endpoint(fd)},
                    Eye{session, fd, cookie, known[cookie]});
    });
  }
}

void KeyCapture::reopen() {
  std::vector<Capture::Pair> pairs;
  const auto add = [&](Capture::Pair pair) {
    const auto same = [&](const Capture::Pair& p) {
      return p.local == pair.local && p.peer == pair.peer;
    };
    if (std::ranges::none_of(pairs, same)) pairs.push_back(std::move(pair));
  };
  for (const Session* session : sessions_) {
    if (!session->keys().follows() || session->is_child()) continue;
    const SessionConfig& config = session->config();
    Endpoint source = config.source, peer = config.peer;
    if (session->listens()) {
      peer.port = 0;
      add({source, config.peer_prefix ? Endpoint{} : peer});
    }
    if (config.mode != Mode::passive) {
      source.port = 0;
      add({source, config.peer});
    }
  }
  const auto same = [](const Capture::Pair& a, const Capture::Pair& b) {
    return a.local == b.local && a.peer == b.peer;
  };
  if (capture_ && std::ranges::equal(pairs, pairs_, same)) return;
  pairs_ = std::move(pairs);
  capture_.reset();
  if (pairs_.empty()) return;
  auto opened = Capture::open(loop_, pairs_, [this](const Segment& segment) { seen(segment); });
  if (!opened) {
    if (!std::exchange(refused_, true))
      log_.line(Level::info, "key", {},
                "a peer that changes its key first is followed by trial: " + opened.error().text);
    return;
  }
  capture_ = *std::move(opened);
  refused_ = quick_ = false;
  capture_->rest(resting_room);
}

void KeyCapture::look(bool failing, bool quickly) {
  if (!capture_) return;
  failing_ = failing;
  digests_left_ = syn_digests_left_ = digests_a_look;
  flooded_ = false;
  for (auto& [ends, eye] : eyes_) {
    eye.looked_at = 0;
    eye.progress.reset();
  }
  if (std::exchange(quick_, quickly) != quickly)
    capture_->rest(quickly ? quick_room : resting_room);
  if (!capture_->drain(segments_a_look) || digests_left_ <= 0) flooded_ = true;
}

void KeyCapture::seen(const Segment& s) {
  const auto found = eyes_.find(s.outgoing ? Ends{s.from, s.to} : Ends{s.to, s.from});
  if (found == eyes_.end()) {
    if (failing_ && !s.outgoing && s.is_signed() &&
        (s.flags & (Segment::syn | Segment::ack_flag)) == Segment::syn)
      judge_syn(s);
    return;
  }
  Eye& eye = found->second;
  if (!s.outgoing) {
    if (failing_ && s.is_signed()) judge(s, eye);
  } else if ((s.flags & Segment::ack_flag) != 0 && (s.flags & Segment::syn) == 0) {
    if (const auto progress = progress_of(eye.fd)) eye.window.ours(s.ack, progress->bytes_received);
  }
}

KeyCapture::Signer KeyCapture::signer(const Segment& s, const Session& session, int& digests_left) {
  const Key* present = session.keys().key_for(s.from.address);
  if (digests_left <= 0 || present == nullptr) return {};
  --digests_left;
  if (s.signed_with(present->secret)) return {0, true};
  const Keys& keys = session.keys();
  const auto is = [&](std::uint32_t id) {
    --digests_left;  // one segment is looked at to the end
    const Key* key = keys.chain()->find(id);
    return key != nullptr && s.signed_with(key->secret);
  };
  // What the rest is on: while another one is tried, or this peer is on another one.
  if (present->id != keys.choice().id && is(keys.choice().id)) return {keys.choice().id};
  for (const std::uint32_t id : keys.others(std::chrono::system_clock::now()))
    if (is(id)) return {id};
  return {0, false, true};
}

void KeyCapture::judge(const Segment& s, Eye& eye) {
  if (!eye.progress) eye.progress = progress_of(eye.fd);
  if (!eye.progress) return;
  using Place = Window::Place;
  // A SYN of the same addresses and ports: the peer has lost the link and comes again.
  const bool syn = (s.flags & Segment::syn) != 0;
  const Place place =
      syn ? Place::bare
          : eye.window.place(s.seq, s.length, eye.progress->bytes_received, eye.progress->window);
  if (place == Place::old || place == Place::outside) return;
  if (!syn && ++eye.looked_at > segments_a_link) {
    if (place == Place::unknown) flooded_ = true;  // by anybody
    return;
  }
  const Signer by = signer(s, *eye.session, syn ? syn_digests_left_ : digests_left_);
  Keys& keys = eye.session->keys();
  if (keys.shared()) {
    if (by.id != 0 && place == Place::fresh) keys.guest(s.from.address, by.id);
    if (by.id != 0 && place == Place::unknown) keys.heard(by.id, false, true, loop_.now());
    return;
  }
  if (by.id != 0) keys.heard(by.id, place == Place::fresh, place == Place::unknown, loop_.now());
  if (by.present) keys.heard_present();
  if (by.foreign && place != Place::unknown) keys.heard_foreign();
}

void KeyCapture::judge_syn(const Segment& s) {
  Session* to = nullptr;
  for (Session* session : sessions_) {
    const SessionConfig& config = session->config();
    if (session->is_child() ? session->who().address != s.from.address
                            : !session->listens() || config.source.port != s.to.port ||
                                  !session->who().contains(s.from.address))
      continue;
    if (to == nullptr || session->who().length > to->who().length ||
        (session->is_child() && !to->is_child()))
      to = session;
  }
  if (to == nullptr || !to->keys().follows() || !to->takes_links()) return;
  const std::uint32_t id = signer(s, *to, syn_digests_left_).id;
  if (id == 0) return;
  if (to->config().peer_prefix && !to->is_child()) {
    if (to->keys().may_turn(loop_.now())) to->keys().guest(s.from.address, id);
    return;
  }
  bool linked = false;
  to->each_peer_socket([&](int) { linked = true; });
  if (linked || to->keys().may_turn(loop_.now())) to->keys().heard(id, !linked, false, loop_.now());
}

}  // namespace peerhold
