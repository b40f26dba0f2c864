"""Who is under-served, found among everybody and honestly tested?"""

__all__: list[str] = []
