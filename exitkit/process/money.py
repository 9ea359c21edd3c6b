"""Amounts of money as people read them."""


def money(amount: float, currency: str) -> str:
    """`12.40 USD`, and `0.0312 USD` of what is less than one."""
    digits = 2 if amount >= 0.995 or amount == 0 else 4
    return f"{amount:,.{digits}f} {currency}"
