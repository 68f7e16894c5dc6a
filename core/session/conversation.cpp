// Conversation: the plugin ABI's promises about links, kept in one place. Owned by a Session;
// called by the Session, by its Links, and by its plugin through host.cpp. The rules (a) to (d)
// named here are those of on_data in peerhold/plugin.h.
#include "session/conversation.hpp"

#include <algorithm>

#include "session/session.hpp"

namespace peerhold {
namespace {

// Deadlines of a conversation: a plugin's timers are 0…15.
constexpr std::uint32_t goodbye_over = 16;
constexpr std::uint32_t dial_again = 32;  // + the app link's number

}  // namespace

Conversation::Conversation(Session& session)
    : session_(session), instance_(session.library(), this, session.name(), session.around().log) {}

Conversation::~Conversation() = default;

template <class F>
void Conversation::each(F&& f) {
  f(peer_);
  if (rival_) f(*rival_);
  // By index: f may add an app link.
  for (std::size_t i = 0; i < apps_.size(); ++i) f(*apps_[i]);
}

Conversation::End* Conversation::find(ph_link id) {
  if (id == PH_PEER) return &peer_;
  if (id == PH_RIVAL) return rival_.get();
  for (auto& app : apps_) {
    if (app->id == id) return app.get();
  }
  return nullptr;
}

Conversation::End& Conversation::end_of(const Link& link) {
  if (peer_.link.get() == &link) return peer_;
  if (rival_ && rival_->link.get() == &link) return *rival_;
  const auto found =
      std::ranges::find_if(apps_, [&](const auto& app) { return app->link.get() == &link; });
  PH_REQUIRE(found != apps_.end());
  return **found;
}

Deadlines& Conversation::deadlines() {
  if (!deadlines_) {
    deadlines_ =
        std::make_unique<Deadlines>(session_.around().loop, [this](std::uint32_t id) { due(id); });
  }
  return *deadlines_;
}

// ---- opening and ending
// ----------------------------------------------------------------------------

Result<void> Conversation::open(std::uint32_t instances) {
  const SessionConfig& config = session_.config();
  ph_open what{};
  what.struct_size = sizeof what;
  what.session = config.name.c_str();
  what.persistent = config.link == LinkMode::persistent;
  what.active = config.mode != Mode::passive;
  what.passive = config.mode != Mode::active;
  what.app_listens = config.app_mode == AppMode::listen;
  what.instances = instances;
  what.config = session_.plugin_config();
  what.source = to_abi(config.source);
  const std::string app = config.app ? config.app->to_string() : std::string();
  what.app = config.app ? app.c_str() : nullptr;
  if (session_.library().plugin().on_wake != nullptr) {
    wake_ = std::make_unique<Wake>(session_.around().loop, [this] {
      if (!broken_) instance_.on_wake();
      contained();
    });
  }
  const int status = instance_.open(host_table(), what);
  std::string fault = instance_.take_fault();
  if (status == PH_OK && fault.empty()) return {};
  broken_ = true;
  if (!fault.empty()) return Error{std::move(fault), 0, Cause::internal};
  if (refusal_) return std::move(*refusal_);
  return Error{"plugin " + session_.library().name() + " refused to open (status " +
                   std::to_string(status) + ")",
               0, Cause::internal};
}

void Conversation::end(End& e, Cause cause, std::string text, bool abort, bool ours,
                       RetryClass retry) {
  if (e.ending) {
    // A goodbye that takes too long may still be cut short.
    if (abort && !e.ending->done) e.ending->abort = true;
    return;
  }
  e.ending = std::make_unique<Ending>();
  e.ending->end.cause = cause;
  e.ending->end.text = std::move(text);
  e.ending->retry = retry;
  e.ending->ours = ours;
  e.ending->abort = abort;
  e.dialer.reset();
  if (lent(e)) {
    session_.around().movers.ask_back(splice_->id);  // returned() goes on
    return;
  }
  finish(e);
}

void Conversation::finish(End& e) {
  e.ending->done = true;
  if (e.link) {
    // What is closed gracefully is still delivered.
    if (e.ending->abort) e.ending->end.unsent = e.link->unsent();
    if (e.greeted) {
      e.given_back = e.link->release();
    } else {
      e.ending->abort ? e.link->abort() : e.link->close();
    }
  }
  session_.around().later.add(*this);
}

void Conversation::goodbye(ph_goodbye why, const std::string& text, const std::string& message,
                           Milliseconds patience) {
  session_.around().later.add(*this);  // also when there is nothing to end
  if (leaving_ && patience.count() > 0) return;
  leaving_ = peer_.link != nullptr;
  if (peer_.link && peer_.up && !peer_.ending && !broken_ && instance_.has_drain() &&
      patience.count() > 0) {
    ph_drain drain{};
    drain.struct_size = sizeof drain;
    drain.why = why;
    drain.text = message.c_str();
    drain.deadline_ms = static_cast<std::uint32_t>(patience.count());
    deadlines().set(goodbye_over, patience);
    const int status = instance_.drain(drain);
    if (contained() && status >= 0) return;
  }
  drop(Cause::admin, text, false);
}

void Conversation::drop(Cause cause, const std::string& text, bool abort) {
  each([&](End& e) {
    if (e.link || e.dialer || e.retry_dial) end(e, cause, text, abort, true);
  });
  session_.around().later.add(*this);
}

void Conversation::drop_peer(Cause cause, const std::string& text) {
  if (peer_.link) end(peer_, cause, text, true, false);
}

void Conversation::cancel_dials() {
  for (auto& app : apps_) {
    if (!app->link) end(*app, Cause::admin, "the link is down", true, true);
  }
}

// What the callback that has just returned did wrong, if anything. The instance is not called
// again.
bool Conversation::contained() {
  if (broken_) return false;
  std::string fault = instance_.take_fault();
  if (fault.empty()) return true;
  broken_ = true;
  session_.plugin_broke(fault);
  drop(Cause::internal, fault, true);
  return false;
}

// ---- links come
// ------------------------------------------------------------------------------------

Result<void> Conversation::peer_end(End& end, Connected socket, bool outgoing) {
  auto link = session_.make_link(std::move(socket), *this);
  if (!link) return std::move(link).error();
  end.link = *std::move(link);
  if (session_.key() != nullptr) end.link->belongs_to(&session_);
  end.outgoing = outgoing;
  return {};
}

Result<void> Conversation::peer_up(Connected socket, bool outgoing) {
  PH_REQUIRE(!peer_.link);
  if (Result<void> made = peer_end(peer_, std::move(socket), outgoing); !made) return made;
  came_up(peer_, outgoing ? PH_LINK_OUTGOING : 0);
  return {};
}

Result<void> Conversation::rival_up(Connected socket, bool outgoing) {
  PH_REQUIRE(!rival_);
  auto rival = std::make_unique<End>();
  if (Result<void> made = peer_end(*rival, std::move(socket), outgoing); !made) return made;
  rival_ = std::move(rival);
  rival_->id = PH_RIVAL;
  came_up(*rival_, outgoing ? PH_LINK_OUTGOING : 0);
  return {};
}

Result<void> Conversation::app_up(Connected& socket, std::uint32_t flags,
                                  std::string_view greeting) {
  auto link = session_.make_link(std::move(socket), *this);
  if (!link) return std::move(link).error();
  apps_.push_back(std::make_unique<End>());
  End& app = *apps_.back();
  app.id = next_app_++;
  app.link = *std::move(link);
  if (!greeting.empty()) app.link->preface(greeting);
  app.greeted = !greeting.empty();
  came_up(app, flags);
  app.greeted = false;
  if (!app.given_back) return {};
  socket.fd = std::move(app.given_back);
  return Error{"session \"" + session_.name() + "\" turned the app away: " + app.ending->end.text +
                   "; the log may say why",
               0, app.ending->end.cause};
}

void Conversation::came_up(End& e, std::uint32_t flags) {
  e.since = session_.around().loop.now();
  e.up = true;
  const bool is_peer = &e == &peer_;
  const bool is_app = e.id != PH_PEER && e.id != PH_RIVAL;
  if (is_app) session_.app_came(*this);
  if (broken_) {  // between the fault and the last of the ends that it costs
    e.turned_away = true;
    end(e, Cause::internal, "plugin " + session_.library().name() + " has broken", true, true);
    return;
  }
  ph_link_info info{};
  info.struct_size = sizeof info;
  link_info(e.id, info);
  info.flags |= flags;
  const int status = instance_.on_up(e.id, info);
  const bool whole = contained();
  e.turned_away = whole && (status < 0 || e.ending);
  if (is_app && !e.turned_away) session_.app_taken();
  if (!whole) return;
  if (status < 0) {
    end(e, Cause::framing,
        "plugin " + session_.library().name() + " turned the link away (status " +
            std::to_string(status) + ")",
        true, true);
    return;
  }
  if (is_peer && !e.ending && !session_.library().is(PH_HANDSHAKE)) established();
  if (!e.ending) offer_all();
}

void Conversation::established() {
  if (established_ || !peer_.link || peer_.ending) return;
  established_ = true;
  session_.peer_established(*this);
}

void Conversation::dial_app() {
  // The plugin may have turned the link away that the app is for.
  if (!session_.config().app || broken_ || peer_.ending) return;
  apps_.push_back(std::make_unique<End>());
  End& app = *apps_.back();
  app.id = next_app_++;
  app.to = std::make_unique<Endpoint>(*session_.config().app);
  start_dial(app);
}

void Conversation::start_dial(End& e) {
  DialRequest request;
  request.to = *e.to;
  request.timeout = session_.config().retry.connect_timeout;
  e.dialer =
      Dialer::start(session_.around().loop, request,
                    [this, id = e.id](Result<Connected> got) { dialed(id, std::move(got)); });
}

void Conversation::dialed(ph_link id, Result<Connected> got) {
  End* e = find(id);
  if (e == nullptr || e->ending) return;
  e->dialer.reset();
  if (got) {
    auto link = session_.make_link(*std::move(got), *this);
    if (link) {
      e->link = *std::move(link);
      e->outgoing = true;
      e->retry_dial = false;
      came_up(*e, PH_LINK_OUTGOING);
      return;
    }
    got = std::move(link).error();
  }
  const std::string text = "app " + e->to->to_string() + ": " + got.error().text;
  if (e->retry_dial) {
    const Milliseconds delay =
        e->backoff.next(session_.config().retry, RetryClass::normal, session_.around().draw());
    session_.app_dial_failed(text, false);
    deadlines().set(dial_again + id, delay);
    return;
  }
  end(*e, Cause::app_unreachable, text, true, false);
}

// ---- links' events
// ---------------------------------------------------------------------------------

std::size_t Conversation::link_data(Link& link, std::span<const std::uint8_t> bytes) {
  End& e = end_of(link);
  if (e.ending || broken_) return bytes.size();  // nobody will read it
  if (End* to = partner(e)) return relay(e, *to, bytes);
  if (e.paused || e.waits_for != no_link) return 0;
  short_link_ = no_link;
  const std::ptrdiff_t n = instance_.on_data(e.id, bytes);
  const ph_link fell_short = short_link_;
  short_link_ = no_link;
  if (!contained() || e.ending) return bytes.size();
  if (n < 0) {
    end(e, Cause::framing,
        "plugin " + session_.library().name() + " gave the bytes up (status " + std::to_string(n) +
            ")",
        true, false);
    return bytes.size();
  }
  const auto consumed = static_cast<std::size_t>(n);
  if (consumed == bytes.size()) return consumed;
  if (fell_short != no_link) {
    // Rule (b). A link that is not up gives no room soon: input is kept up to the buffer, so that
    // the end of this link is still noticed; rule (c) wakes.
    const End* target = find(fell_short);
    if (target != nullptr && target->link && target->up && !target->ending) {
      e.waits_for = fell_short;
      link.pause(true);
    }
    return consumed;
  }
  const std::uint32_t max_frame = session_.library().plugin().max_frame;
  if (consumed == 0 && max_frame > 0 && bytes.size() >= max_frame && !e.paused) {
    broken_ = true;
    const std::string text = "plugin " + session_.library().name() + " holds back " +
                             std::to_string(bytes.size()) +
                             " bytes, more than its largest unit of " + std::to_string(max_frame);
    session_.plugin_broke(text);
    drop(Cause::internal, text, true);
  }
  return consumed;
}

void Conversation::link_eof(Link& link) {
  End& e = end_of(link);
  if (e.ending || broken_) return;
  // What is held behind a link that has no room comes first.
  if (link.held() > 0 && (e.waits_for != no_link || e.paused)) {
    e.eof_due = true;
    return;
  }
  tell_eof(e);
}

void Conversation::tell_eof(End& e) {
  e.eof_due = false;
  if (End* to = partner(e)) {
    relay_eof(e, *to);
    return;
  }
  if (session_.library().plugin().on_eof == nullptr) {
    end(e, Cause::peer_closed, "closed by the far end", false, false);
    return;
  }
  instance_.on_eof(e.id);
  contained();
}

void Conversation::link_writable(Link& link) {
  End& e = end_of(link);
  if (e.ending || broken_) return;
  if (splice_ && partner(e) != nullptr && splice_->moved >= lend_after) {
    session_.around().later.add(*this);  // try_lend, while nothing is queued; else unblock
    return;
  }
  if (e.fell_short) {
    e.fell_short = false;
    instance_.on_writable(e.id);
    if (!contained()) return;
  }
  unblock(e.id);
}

void Conversation::link_down(Link& link, const LinkEnd& how) {
  End& e = end_of(link);
  if (e.ending) return;
  e.ending = std::make_unique<Ending>();
  e.ending->end = how;
  // Of a spliced pair these had been accepted too, and now reach nobody.
  if (partner(e) != nullptr) e.ending->end.unsent += how.unread;
  e.ending->done = true;
  session_.around().later.add(*this);
}

void Conversation::unblock(ph_link id) {
  each([&](End& e) {
    if (e.waits_for != id) return;
    e.waits_for = no_link;
    if (e.link && !e.ending && !lent(e)) offer(e);
  });
}

void Conversation::offer_all() {
  each([&](End& e) {
    if (e.link && e.up && !e.ending && e.waits_for == no_link && !lent(e)) offer(e);
  });
}

// Held input once more, then what came behind it.
void Conversation::offer(End& e) {
  if (e.paused) return;
  e.link->pause(false);
  if (e.link->held() > 0) e.link->offer();
  if (e.eof_due && !e.ending && !broken_ && (e.waits_for == no_link || e.link->held() == 0)) {
    tell_eof(e);
  }
}

void Conversation::run_later() {
  // A callback may add, end or offer anything: start over after each.
  for (bool again = true; again;) {
    again = false;
    if (rival_ && rival_->ending && rival_->ending->done) {
      tell_down(*rival_);
      again = true;
    } else if (peer_.ending && peer_.ending->done) {
      tell_down(peer_);
      again = true;
    } else {
      const auto ended = std::ranges::find_if(
          apps_, [](const auto& app) { return app->ending && app->ending->done; });
      if (ended != apps_.end()) {
        tell_down(**ended);
        again = true;
      }
    }
  }
  each([&](End& e) {
    if (std::exchange(e.writable_due, false) && e.link && !e.ending && !broken_) {
      instance_.on_writable(e.id);
      contained();
    }
  });
  each([&](End& e) {
    if (!std::exchange(e.offer_due, false)) return;
    if (!e.link || e.ending || lent(e)) return;
    e.waits_for = no_link;  // rule (d) holds whatever else it waits for
    offer(e);
  });
  if (splice_ && !splice_->lent && splice_->moved >= lend_after) try_lend();
  session_.settled(*this);  // may destroy this conversation
}

void Conversation::tell_down(End& e) {
  const std::unique_ptr<Ending> ending = std::move(e.ending);
  const std::unique_ptr<Link> link = std::move(e.link);
  const ph_link id = e.id;
  const bool was_up = e.up, by_plugin = e.by_plugin, is_peer = &e == &peer_,
             turned_away = e.turned_away;
  const auto lasted =
      std::chrono::duration_cast<Milliseconds>(session_.around().loop.now() - e.since);
  if (splice_ && (splice_->a == id || splice_->b == id)) splice_.reset();
  each([&](End& other) {
    if (other.waits_for != id) return;
    other.waits_for = no_link;
    if (other.link && !other.ending) other.link->pause(other.paused);
  });
  if (link && (is_peer || id == PH_RIVAL)) session_.add_bytes(link->bytes_in(), link->bytes_out());
  const bool was_established = is_peer && std::exchange(established_, false);
  if (is_peer) {
    e = End{};
  } else if (id == PH_RIVAL) {
    rival_.reset();
  } else {
    std::erase_if(apps_, [id](const auto& app) { return app->id == id; });
  }
  if (!broken_ && (was_up || by_plugin || session_.per_client())) {
    ph_down down{};
    down.struct_size = sizeof down;
    down.cause = static_cast<std::uint32_t>(ending->end.cause);
    down.text = ending->end.text.c_str();
    down.unsent = ending->end.unsent;
    instance_.on_down(id, down);
    contained();
  }
  if (is_peer && rival_ && rival_->link && !rival_->ending && !leaving_) {
    // RFC 4271 §6.8: the link that is left takes the place of the one that was closed.
    session_.peer_replaced({ending->end.cause, ending->end.text, ending->retry, ending->ours,
                            was_established, lasted});
    peer_ = std::move(*rival_);
    peer_.id = PH_PEER;
    rival_.reset();
    came_up(peer_, static_cast<std::uint32_t>(peer_.outgoing ? PH_LINK_PROMOTED | PH_LINK_OUTGOING
                                                             : PH_LINK_PROMOTED));
    return;
  }
  if (is_peer) {
    if (std::exchange(leaving_, false)) {
      if (deadlines_) deadlines_->clear(goodbye_over);
      drop(Cause::admin, ending->end.text, false);
    }
    session_.peer_lost(*this, {ending->end.cause, ending->end.text, ending->retry, ending->ours,
                               was_established, lasted});
  } else if (id != PH_RIVAL) {
    if (was_up) {
      session_.app_left(*this, ending->end, turned_away);
    } else if (ending->end.cause == Cause::app_unreachable) {
      session_.app_dial_failed(ending->end.text, true);
    }
  }
}

void Conversation::due(std::uint32_t id) {
  if (id < plugin_timers) {
    if (broken_) return;
    instance_.on_timer(id);
    contained();
  } else if (id == goodbye_over) {
    drop(Cause::admin, "the goodbye took too long", true);
  } else if (End* e = find(id - dial_again); e != nullptr && !e->ending && !e->link) {
    start_dial(*e);
  }
}

// ---- what the session asks
// -------------------------------------------------------------------------

Milliseconds Conversation::peer_age() const {
  return std::chrono::duration_cast<Milliseconds>(session_.around().loop.now() - peer_.since);
}

bool Conversation::empty() const {
  return !peer_.link && !peer_.ending && !rival_ && apps_.empty();
}

int Conversation::reload(const ph_config* config) {
  if (broken_) return PH_ERESTART;
  const int status = instance_.reload(config);
  return contained() ? status : int{PH_ERESTART};
}

void Conversation::each_peer_socket(const std::function<void(int fd)>& f) const {
  for (const End* e : {&peer_, static_cast<const End*>(rival_.get())}) {
    if (e != nullptr && e->link && !e->ending) f(e->link->fd());
  }
}

void Conversation::apply_transport() {
  for (End* e : {&peer_, rival_.get()}) {
    if (e != nullptr && e->link && !e->ending)
      session_.note_if_failed(session_.apply_options(e->link->fd(), e->user_timeout));
  }
  each([&](End& e) {
    if (e.link && !e.ending) e.link->set_buffer(buffer_of(e));
  });
}

Conversation::Bytes Conversation::bytes() const {
  Bytes sum;
  if (peer_.link) {
    sum.from_peer = peer_.link->bytes_in();
    sum.to_peer = peer_.link->bytes_out();
  }
  if (splice_ && splice_->lent) {
    const Movers::Progress now = session_.around().movers.progress(splice_->id);
    const bool peer_is_a = splice_->a == PH_PEER;
    sum.from_peer += peer_is_a ? now.a_to_b : now.b_to_a;
    sum.to_peer += peer_is_a ? now.b_to_a : now.a_to_b;
  }
  return sum;
}

}  // namespace peerhold
