// Conversation, the part that a plugin asks for through the host table (host.cpp). None of it calls
// back into the plugin: what follows comes from run_later() or from a link's own events.
#include <algorithm>

#include "session/session.hpp"

namespace peerhold {

// A link that is not there: any more, or never was.
int Conversation::absent(ph_link id) const {
  return id < next_app_ || id == PH_RIVAL ? PH_ENOLINK : PH_EINVAL;
}

std::ptrdiff_t Conversation::send(ph_link id, std::span<const std::uint8_t> bytes, bool whole) {
  End* e = find(id);
  if (e == nullptr || !e->link || e->ending) {
    if (id != PH_PEER && (e == nullptr || !e->dialer)) return absent(id);
    short_link_ = id;
    return 0;
  }
  if (lent(*e)) return PH_EINVAL;
  std::size_t taken = 0;
  if (!whole || bytes.size() <= e->link->room()) {
    taken = e->link->send(bytes);
  } else if (bytes.size() > buffer_of(*e)) {
    return PH_EINVAL;
  }
  if (taken < bytes.size()) {
    e->fell_short = true;
    short_link_ = id;
  }
  return static_cast<std::ptrdiff_t>(taken);
}

int Conversation::send_eof(ph_link id) {
  End* e = find(id);
  if (e == nullptr || !e->link || e->ending) return absent(id);
  if (lent(*e)) return PH_EINVAL;
  e->link->send_eof();
  return PH_OK;
}

int Conversation::close(ph_link id, bool abort) {
  End* e = find(id);
  if (e == nullptr || (id == PH_PEER && !e->link)) return absent(id);
  if (e->ending) return PH_OK;
  e->retry_dial = false;
  if (e->link && e->link->eof_received()) {
    // The plugin follows the far end, which has closed first.
    end(*e, Cause::peer_closed, "closed by the far end", abort, false);
  } else {
    end(*e, Cause::admin, "closed by plugin " + session_.library().name(), abort, true);
  }
  return PH_OK;
}

int Conversation::read_pause(ph_link id, bool pause) {
  End* e = find(id);
  if (e == nullptr || !e->link || e->ending) return absent(id);
  if (lent(*e)) return PH_EINVAL;
  e->paused = pause;
  if (pause) {
    e->link->pause(true);
    return PH_OK;
  }
  if (e->waits_for == no_link) e->link->pause(false);
  e->offer_due = true;  // rule (d), but not from inside this call
  session_.around().later.add(*this);
  return PH_OK;
}

int Conversation::dial(const char* endpoint, std::uint32_t flags, ph_link* out) {
  if (out == nullptr) return PH_EINVAL;
  std::optional<Endpoint> to = session_.config().app;
  if (endpoint != nullptr) to = session_.configured_endpoint(endpoint);
  if (!to) return PH_EINVAL;
  apps_.push_back(std::make_unique<End>());
  End& app = *apps_.back();
  app.id = next_app_++;
  app.to = std::make_unique<Endpoint>(*to);
  app.by_plugin = true;
  app.retry_dial = (flags & PH_DIAL_RETRY) != 0;
  *out = app.id;
  start_dial(app);
  return PH_OK;
}

void Conversation::close_peer() {
  close(PH_RIVAL, false);
  close(PH_PEER, false);
}

void Conversation::fail(Cause cause, RetryClass retry, std::string text) {
  if (!peer_.link) {
    Error error{std::move(text), 0, cause};
    if (instance_.is_open()) {
      session_.note_if_failed(error);
    } else {
      refusal_ = std::make_unique<Error>(std::move(error));
    }
    return;
  }
  end(peer_, cause, std::move(text), false, false, retry);
}

int Conversation::link_info(ph_link id, ph_link_info& out) {
  End* e = find(id);
  if (e == nullptr || !e->link) return absent(id);
  session_.describe(*e->link, e->outgoing, out);
  const bool to_peer = id == PH_PEER || id == PH_RIVAL;
  const Endpoint* dialled = to_peer && e->outgoing ? &session_.config().peer : e->to.get();
  out.endpoint = dialled != nullptr ? instance_.lend(dialled->to_string()) : nullptr;
  out.text = instance_.lend(e->link->remote().to_string());
  if (lent(*e)) {
    const Movers::Progress now = session_.around().movers.progress(splice_->id);
    const bool is_a = splice_->a == id;
    out.bytes_in += is_a ? now.a_to_b : now.b_to_a;
    out.bytes_out += is_a ? now.b_to_a : now.a_to_b;
    const auto quiet =
        std::chrono::duration_cast<Milliseconds>(session_.around().loop.now() - now.last);
    out.idle_ms = static_cast<std::uint64_t>(std::max<Milliseconds::rep>(0, quiet.count()));
  }
  return PH_OK;
}

int Conversation::timer(std::uint32_t id, std::int64_t ms) {
  if (id >= plugin_timers) return PH_EINVAL;
  if (ms < 0) {
    if (deadlines_) deadlines_->clear(id);
  } else {
    deadlines().set(id, Milliseconds(ms));
  }
  return PH_OK;
}

std::uint64_t Conversation::buffer_of(const End& e) const {
  return e.buffer != 0 ? e.buffer : session_.config().transport.buffer;
}

int Conversation::buffer(ph_link id, std::uint64_t bytes) {
  End* e = find(id);
  if (e == nullptr || !e->link || e->ending) return absent(id);
  e->buffer = bytes;
  e->link->set_buffer(buffer_of(*e));
  return PH_OK;
}

int Conversation::user_timeout(ph_link id, std::int64_t ms) {
  if (id != PH_PEER && id != PH_RIVAL) return PH_EINVAL;
  End* e = find(id);
  if (e == nullptr || !e->link || e->ending) return absent(id);
  const Result<void> set =
      session_.change_user_timeout(e->link->fd(), std::exchange(e->user_timeout, ms), ms);
  session_.note_if_failed(set);
  return set ? PH_OK : PH_EINVAL;
}

void Conversation::want_peer(bool want) {
  if (want && session_.asks_for_peer()) return session_.client_waits(*this);
  session_.want_peer(want);
}

void Conversation::wake() const {
  if (wake_) wake_->send();
}

// ---- what the plugin is asked when somebody asks us
// ------------------------------------------------

std::optional<Instance::Report> Conversation::report() {
  return broken_ ? std::nullopt : instance_.report();
}

int Conversation::command(std::uint32_t what, std::int64_t ms, std::string& reply) {
  if (broken_) return PH_ENOTSUP;
  const int answer = instance_.command(what, ms, reply);
  if (contained()) return answer;
  reply = "the plugin has broken its contract; see the log";
  return PH_EINVAL;
}

}  // namespace peerhold
