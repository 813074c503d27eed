// One invisible input over six drawn boxes; the component says in the title what it holds.
import { OTPInput } from 'input-otp';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

const BOX = { width: 32, height: 40, border: '1px solid', textAlign: 'center' };

function Page() {
  const [code, setCode] = useState('');
  document.title = code;
  return (
    <OTPInput
      value={code}
      onChange={setCode}
      maxLength={6}
      render={({ slots }) => (
        <div style={{ display: 'flex' }}>
          {slots.map((slot, place) => (
            <div key={place} style={BOX}>{slot.char}</div>
          ))}
        </div>
      )}
    />
  );
}

createRoot(document.getElementById('root')).render(<Page />);
