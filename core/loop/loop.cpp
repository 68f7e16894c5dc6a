// Owns every libuv handle of the process, each in a block that its close callback deletes. Called
// by all that waits: net, session, keeper, control, cli.
#include "loop/loop.hpp"

#include <uv.h>

#include <algorithm>
#include <string>
#include <utility>

namespace peerhold {

namespace detail {

// Every block begins as its handle's `data`; `handle` is open from init to close.
struct TimerBlock {
  uv_loop_t* loop;
  std::function<void()> call;
  std::unique_ptr<uv_timer_t> handle;  // most timers of a thousand sessions never start
};
struct SignalBlock {
  uv_signal_t handle{};
  std::function<void()> call;
};
struct WakeBlock {
  uv_async_t handle{};
  std::function<void()> call;
};

}  // namespace detail

namespace {

template <class Handle>
uv_handle_t* base_of(Handle& handle) {
  return reinterpret_cast<uv_handle_t*>(&handle);
}

// The block goes when libuv has let go of the handle, which is after the callback that may be
// running.
template <class Block>
void close_block(Block* block) {
  uv_close(base_of(block->handle),
           [](uv_handle_t* handle) { delete static_cast<Block*>(handle->data); });
}

}  // namespace

namespace detail {

void CloseTimer::operator()(TimerBlock* block) const {
  if (block->handle == nullptr) {
    delete block;
    return;
  }
  uv_close(base_of(*block->handle),
           [](uv_handle_t* handle) { delete static_cast<TimerBlock*>(handle->data); });
}
void CloseSignal::operator()(SignalBlock* block) const {
  close_block(block);
}
void CloseWake::operator()(WakeBlock* block) const {
  close_block(block);
}

}  // namespace detail

Loop::Loop() : own_(std::make_unique<uv_loop_s>()), loop_(own_.get()) {
  PH_REQUIRE(uv_loop_init(loop_) == 0);
}

Loop::Loop(uv_loop_s* given) : loop_(given) {}

Loop::~Loop() {
  poll_set_.reset();
  if (own_ == nullptr) return;
  while (uv_loop_close(loop_) == UV_EBUSY) {
    // A handle that nobody has closed would keep us here for ever.
    uv_walk(
        loop_, [](uv_handle_t* handle, void*) { PH_REQUIRE(uv_is_closing(handle)); }, nullptr);
    uv_run(loop_, UV_RUN_ONCE);
  }
}

void Loop::run() {
  uv_run(loop_, UV_RUN_DEFAULT);
}

void Loop::stop() {
  uv_stop(loop_);
}

bool Loop::turn() {
  return uv_run(loop_, UV_RUN_NOWAIT) != 0;
}

std::span<std::uint8_t> Loop::scratch() {
  constexpr std::size_t size = 256UL * 1024;
  if (scratch_ == nullptr) scratch_ = std::make_unique<std::uint8_t[]>(size);
  return {scratch_.get(), size};
}

Timer::Timer(Loop& loop, std::function<void()> call)
    : block_(new detail::TimerBlock{loop.raw(), std::move(call), nullptr}) {}

void Timer::start(Milliseconds after) {
  detail::TimerBlock& block = *block_;
  if (block.handle == nullptr) {
    block.handle = std::make_unique<uv_timer_t>();
    uv_timer_init(block.loop, block.handle.get());
    block.handle->data = &block;
  }
  uv_update_time(block.loop);  // libuv counts from its last turn, which may have been long
  uv_timer_start(
      block.handle.get(),
      [](uv_timer_t* handle) { static_cast<detail::TimerBlock*>(handle->data)->call(); },
      static_cast<std::uint64_t>(std::max<std::int64_t>(after.count(), 0)), 0);
}

void Timer::stop() {
  if (block_->handle != nullptr) uv_timer_stop(block_->handle.get());
}

bool Timer::running() const {
  return block_->handle != nullptr && uv_is_active(base_of(*block_->handle)) != 0;
}

Signal::Signal(Loop& loop, int signum, std::function<void()> call) {
  auto block = std::make_unique<detail::SignalBlock>();
  PH_REQUIRE(uv_signal_init(loop.raw(), &block->handle) == 0);
  block->handle.data = block.get();
  block->call = std::move(call);
  block_.reset(block.release());
  const int r = uv_signal_start(
      &block_->handle,
      [](uv_signal_t* handle, int) { static_cast<detail::SignalBlock*>(handle->data)->call(); },
      signum);
  PH_REQUIRE(r == 0);
}

Wake::Wake(Loop& loop, std::function<void()> call) {
  auto block = std::make_unique<detail::WakeBlock>();
  const int r = uv_async_init(loop.raw(), &block->handle, [](uv_async_t* handle) {
    static_cast<detail::WakeBlock*>(handle->data)->call();
  });
  PH_REQUIRE(r == 0);
  block->handle.data = block.get();
  block->call = std::move(call);
  block_.reset(block.release());
  uv_unref(base_of(block_->handle));
}

void Wake::send() const {
  uv_async_send(&block_->handle);
}

void Wake::keep_alive(bool yes) {
  if (yes)
    uv_ref(base_of(block_->handle));
  else
    uv_unref(base_of(block_->handle));
}

}  // namespace peerhold
