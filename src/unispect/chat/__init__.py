"""Chat models over the network: `ask(request) -> answer`, with limits on what that may take and cost."""

from unispect.chat.budget import BudgetExceeded, Price, SpendingLedger, load_prices
from unispect.chat.cassette import Cassette
from unispect.chat.chat import Chat, Tally
from unispect.chat.dialect import Dialect
from unispect.chat.faults import ApiFailure, AskError, FatalError, Unreadable
from unispect.chat.named import Spending, chat_for, client_for, is_named
from unispect.chat.pictures import PictureRequest
from unispect.chat.retry import RateLimiter, RetryPolicy, Time
from unispect.chat.secret import Secret
from unispect.chat.values import Answer, Client, Limits, Outcome, Reply, Request, Usage

__all__ = [
    "Answer",
    "ApiFailure",
    "AskError",
    "BudgetExceeded",
    "Cassette",
    "Chat",
    "Client",
    "Dialect",
    "FatalError",
    "Limits",
    "Outcome",
    "PictureRequest",
    "Price",
    "RateLimiter",
    "Reply",
    "Request",
    "RetryPolicy",
    "Secret",
    "Spending",
    "SpendingLedger",
    "Tally",
    "Time",
    "Unreadable",
    "Usage",
    "chat_for",
    "client_for",
    "is_named",
    "load_prices",
]
