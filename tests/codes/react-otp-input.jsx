// Six inputs of one character; the component says in the title what it holds.
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import OtpInput from 'react-otp-input';

function Page() {
  const [code, setCode] = useState('');
  document.title = code;
  return (
    <OtpInput
      value={code}
      onChange={setCode}
      numInputs={6}
      renderSeparator={<span>-</span>}
      renderInput={(props) => <input {...props} />}
    />
  );
}

createRoot(document.getElementById('root')).render(<Page />);
