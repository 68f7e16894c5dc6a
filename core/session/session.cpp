// Session: the two machines told what happened, and the one place that acts on what they answer.
// Owned by the Keeper. How links come and go is in links.cpp, what an operator may say in
// operate.cpp, what is shown and logged in report.cpp, what is remembered in memory.cpp.
#include "session/session.hpp"

#include <pwd.h>

#include <algorithm>
#include <charconv>

#include "net/progress.hpp"

namespace peerhold {
namespace {

// A SYN is repeated after one second; each later one may go out with another key of the chain.
constexpr Milliseconds next_dial_key{1000};
// While a key move is under way (contract: TCP_USER_TIMEOUT not below 60 s).
constexpr Milliseconds hurry_patience{120000}, least_hurry_patience{60000};

// Of app_users; a name that this host does not know lets nobody in.
std::vector<uid_t> uids_of(const std::vector<std::string>& users) {
  std::vector<uid_t> uids;
  for (const std::string& user : users) {
    uid_t uid = 0;
    const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
    if (error == std::errc() && end == user.data() + user.size()) {
      uids.push_back(uid);
    } else if (const passwd* entry = getpwnam(user.c_str())) {
      uids.push_back(entry->pw_uid);
    }
  }
  return uids;
}

// Does an option of type endpoint say `text`?
bool names_endpoint(const Schema& schema, const Checked& values, const std::string& text) {
  for (std::size_t i = 0; i < schema.size() && i < values.size(); ++i) {
    const Checked::Slot& slot = values.slot(i);
    const Option& option = schema[i];
    if (option.type == OptionType::endpoint && slot.present && slot.text == text) return true;
    if (option.type == OptionType::list && option.item == OptionType::endpoint &&
        std::ranges::find(slot.items, text) != slot.items.end()) {
      return true;
    }
    for (const Checked& table : slot.tables) {
      if (names_endpoint(option.fields, table, text)) return true;
    }
  }
  return false;
}

// What a running session needs of its configuration: not what `check --print` would show.
SessionConfig running(SessionConfig config, const Library& library) {
  config.printed = {};
  config.options.keep_given(library.facts().defaults);
  return config;
}

}  // namespace

Session::Session(Surroundings& around, const Library& library, SessionConfig config,
                 const KeyChain* chain, bool child)
    : around_(around),
      library_(library),
      config_(running(std::move(config), library)),
      plugin_config_(std::make_unique<PluginConfig>(library.facts().schema, config_.options)),
      keys_(*this, chain),
      child_(child),
      deadlines_(around.loop, [this](std::uint32_t id) { due(id); }),
      app_uids_(uids_of(config_.app_users)),
      since_(std::chrono::system_clock::now()),
      since_steady_(around.loop.now()) {
  peer_side_.mode = config_.mode;
  peer_side_.per_client = per_client();
  peer_side_.plugin_settles = library.is(PH_COLLISION);
  configure_app_side();
}

Session::~Session() = default;

void Session::configure_app_side() {
  app_side_.mode = config_.app_mode;
  app_side_.per_client = per_client();
  app_side_.configured = config_.app && !dynamic() &&
                         (config_.app_mode == AppMode::listen || !library_.is(PH_DIALS_APP));
}

// ---- the machines
// ----------------------------------------------------------------------------------

void Session::tell(PeerEvent event) {
  const SessionState before = peer_side_.state;
  std::uint16_t actions = step(peer_side_, event);
  if ((actions & act_claim) != 0) {
    const Result<void> claimed = around_.claim(*this);
    note_if_failed(claimed);
    claim_code_ = claimed ? 0 : claimed.error().code;
    actions |= step(peer_side_, claimed ? PeerEvent::claim_ok : PeerEvent::claim_failed);
  }
  // Before another is armed: a claim that is tried at once may fail at once.
  if ((actions & act_cancel_retry) != 0) deadlines_.clear(peer_retry);
  // The delay stands in the line about the change.
  if ((actions & act_arm_retry) != 0) arm_retry();
  note_change(before);
  act(actions);
}

void Session::act(std::uint16_t actions) {
  if ((actions & act_cancel_dial) != 0) dialer_.reset();
  if ((actions & act_drop_links) != 0) drop_links();
  if ((actions & act_close_links) != 0) {
    for (const auto& one : conversations_) one->close_peer();
  }
  if ((actions & act_unclaim) != 0) around_.unclaim(*this);
  if ((actions & act_dial) != 0) dial();
  if (!takes_links()) {
    // Nor what waits for its turn, nor what a collision is still dialling beside a link.
    parked_.reset();
    dialer_.reset();
  }
}

bool Session::takes_links() const {
  return !stopping_ && peer_side_.wanted && peer_side_.state != SessionState::down &&
         peer_side_.state != SessionState::failed;
}

void Session::tell(AppEvent event) {
  act_app(step(app_side_, event));
}

void Session::act_app(std::uint8_t actions) {
  if ((actions & app_cancel_retry) != 0) deadlines_.clear(app_retry);
  if ((actions & app_arm_retry) != 0) {
    deadlines_.set(app_retry, app_backoff_.next(config_.retry, RetryClass::normal, around_.draw()));
  }
  if ((actions & app_close) != 0) around_.close_app(*this);
  if ((actions & app_cancel_dial) != 0 && !conversations_.empty()) {
    conversations_.front()->cancel_dials();
  }
  if ((actions & app_open) != 0) {
    if (const Result<void> opened = around_.open_app(*this)) {
      app_works();
      tell(AppEvent::opened);
      tell(PeerEvent::app_open);
    } else {
      app_trouble_ = opened.error().text;
      note_failure(opened.error().cause, opened.error().text, false);
      tell(AppEvent::open_failed);
      tell(PeerEvent::app_shut);
    }
  }
  if ((actions & app_dial) != 0) {
    if (Conversation* one = persistent_one()) one->dial_app();
  }
}

void Session::claim_lost(const Error& error) {
  claim_code_ = error.code;
  note_failure(Cause::resource, error.text, false);
  tell(PeerEvent::claim_failed);
}

bool Session::waits_for_host() const {
  // With links up too: nothing but this host can keep a claim from being met.
  if (listens() && takes_links() && !peer_side_.claimed) return true;
  const bool idle = peer_side_.state == SessionState::backoff || app_side_.cooling;
  return idle && failures_ && failures_->last_error &&
         (failures_->last_error->cause == Cause::resource ||
          failures_->last_error->cause == Cause::unreachable);
}

void Session::arm_retry() {
  // A per-client session dials for clients that wait: its delay does not grow.
  if (per_client()) backoff_.forget();
  retry_delay_ =
      backoff_.next(config_.retry, std::exchange(retry_class_, RetryClass::normal), around_.draw());
  deadlines_.set(peer_retry, retry_delay_);
}

void Session::due(std::uint32_t id) {
  switch (id) {
    case peer_retry:
      tell(PeerEvent::retry_due);
      next_client();
      break;
    case app_retry:
      tell(AppEvent::retry_due);
      break;
    case client_wait:
      end_waiting();
      break;
    case goodbye_due:
      clients_may_end_ = false;
      drop_links();
      break;
    case mark_due:
      if (peer_side_.established) mark_established();
      break;
    case forget_due:
      forget_if_idle();
      break;
    case dial_key_due:
      if (!dialer_) break;
      keys_.next_dial_key();
      deadlines_.set(dial_key_due, next_dial_key);
      break;
    default:
      break;
  }
}

// ---- the keeper's side
// -----------------------------------------------------------------------------

void Session::start() {
  if (config_.enabled) begin();
}

void Session::begin() {
  arm_forgetting();
  if (!per_client() && !dynamic() && persistent_one() == nullptr) {
    tell(PeerEvent::broken);
    return;
  }
  tell(AppEvent::start);
  tell(PeerEvent::start);
}

void Session::stop(ph_goodbye why, const std::string& text, Milliseconds patience,
                   bool clients_may_end, const std::string& message) {
  stopping_ = true;
  bye_ = why;
  bye_text_ = text;
  bye_message_ = message;
  change_cause_ = Cause::admin;
  change_text_ = text;
  clients_may_end_ = clients_may_end && per_client() && peer_side_.links > 0;
  if (clients_may_end_) deadlines_.set(goodbye_due, patience);
  tell(AppEvent::stop);
  tell(PeerEvent::stop);
  if (!clients_may_end_) drop_links();
  // The keeper may forget it; live sockets have their key. A keeper that stops forgets none before
  // its sessions are gone: a reload is refused, and clients that still talk are shown with their
  // key.
  if (why != PH_BYE_STOP) keys_.forget_chain();
  maybe_gone();
}

void Session::drop_links() {
  if (clients_may_end_) {
    // Who has no link yet will not get one.
    while (!waiting_.empty()) {
      Conversation* who = waiting_.front().who;
      waiting_.pop_front();
      who->drop(Cause::admin, bye_text_, true);
    }
    return;
  }
  parked_.reset();
  for (const auto& one : conversations_)
    one->goodbye(bye_, bye_text_, bye_message_, goodbye_patience);
}

void Session::maybe_gone() {
  if (!stopping_ || gone_told_ || !conversations_.empty()) return;
  gone_told_ = true;
  around_.gone(*this);
}

void Session::kick() {
  tell(AppEvent::kick);
  tell(PeerEvent::kick);
  next_client();  // its retry timer may just have been cancelled
}

bool Session::reload(SessionConfig config, const KeyChain* chain) {
  const std::vector<std::string> old_users = config_.app_users;
  const bool app_moved = config.app != config_.app || config.app_mode != config_.app_mode ||
                         config.app_socket_mode != config_.app_socket_mode ||
                         config.app_socket_group != config_.app_socket_group;
  auto plugin_config = std::make_unique<PluginConfig>(library_.facts().schema, config.options);
  if (config.options != config_.options) {
    for (const auto& one : conversations_) {
      if (one->reload(plugin_config->get()) < 0) return false;
    }
  }
  const bool enabled_was = config_.enabled;
  if (app_moved && app_side_.up) {
    // New apps come by the new place; those that are attached stay.
    if (app_side_.open) around_.close_app(*this);
    app_side_.open = false;
  }
  config_ = running(std::move(config), library_);
  // Plugins may keep no pointer into the old one after reload(); values point into config_.
  plugin_config_ = std::make_unique<PluginConfig>(library_.facts().schema, config_.options);
  if (old_users != config_.app_users) app_uids_ = uids_of(config_.app_users);
  configure_app_side();
  if (app_moved) {  // what was wrong with the old place is no news of the new one
    app_trouble_.clear();
    if (app_side_.up) tell(AppEvent::start);
    if (app_trouble_.empty()) tell(PeerEvent::app_open);
  }
  for (const auto& one : conversations_) one->apply_transport();
  keys_.use_chain(chain);
  if (enabled_was && !config_.enabled) down("enabled = false");
  if (!enabled_was && config_.enabled) return static_cast<bool>(up());
  if (peer_side_.state == SessionState::failed) return static_cast<bool>(up());
  return true;
}

void Session::each_peer_socket(const std::function<void(int fd)>& f) const {
  for (const auto& one : conversations_) one->each_peer_socket(f);
}

void Session::rekey_rest() {
  const Key* now = key();
  if (now == nullptr) return;
  if (dialer_) rekey_dial(*now);
  // What ended a moment ago may still have bytes or its FIN on the way.
  around_.closing.each(this, [this](int fd) { key_socket(fd); });
  if (around_.claim_changed) around_.claim_changed(*this);
}

void Session::rekey_dial(const Key& to) {
  if (dialer_) note_if_failed(dialer_->rekey(to));
}

void Session::apply_hurry() {
  const bool on = keys_.hurried();
  // Quick only beside a user timeout, so that comes first and goes last.
  if (!on) each_peer_socket([](int fd) { quick_retransmissions(fd, false); });
  for (const auto& one : conversations_) one->apply_transport();
  if (on) each_peer_socket([](int fd) { quick_retransmissions(fd, true); });
}

Prefix Session::who() const {
  return config_.peer_prefix ? *config_.peer_prefix : Prefix::host(config_.peer.address);
}

Transport Session::transport() const {
  const TransportConfig& from = config_.transport;
  Transport to;
  to.ttl_security_hops = from.ttl_security_hops;
  to.user_timeout = from.user_timeout;
  to.keepalive = from.keepalive;
  to.dscp = from.dscp;
  to.interface = from.interface;
  to.mss = from.mss;
  to.congestion = from.congestion;
  to.buffer = from.buffer;
  to.freebind = from.freebind;
  to.v6only = config_.v6only;
  if (keys_.patient()) {
    // An idle peer is asked within a second; and nothing gives up while the ends may have different
    // keys, which the kernel would after 15 seconds of quick retransmissions.
    to.user_timeout = std::max(to.user_timeout.value_or(hurry_patience), least_hurry_patience);
    to.keepalive = Milliseconds(1000);
  }
  return to;
}

void Session::want_peer(bool want) {
  tell(want ? PeerEvent::want : PeerEvent::unwant);
  arm_forgetting();
}

std::optional<Endpoint> Session::configured_endpoint(const std::string& text) const {
  if (!names_endpoint(library_.facts().schema, config_.options, text)) return std::nullopt;
  auto parsed = Endpoint::parse(text);
  if (!parsed) return std::nullopt;
  return *parsed;
}

}  // namespace peerhold
